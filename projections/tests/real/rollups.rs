//! Figures stay right whatever is repeated, split, shuffled or interrupted.
