//! A GitHub that can be told to lose, delay, double and refuse, and knows the truth.
