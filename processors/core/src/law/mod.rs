//! The building blocks of every state, and the law that they obey.
//!
//! A state is a product of [`Register`]s, of sets of dated facts that only grow, and of minima and
//! maxima. Each of these has a join that is idempotent, commutative and associative; a product of
//! such joins has it too. So a state built from the same events is the same, whatever their order
//! and however often each arrives.

mod extremum;
mod register;
mod stamp;

pub use extremum::{Earliest, Latest};
pub use register::Register;
pub use stamp::Stamp;
pub(crate) use stamp::{settles, short_id};

/// A join-semilattice: `join` is idempotent, commutative and associative.
pub trait Join {
    /// Makes `self` the least state that knows all that `self` and `other` know.
    fn join(&mut self, other: Self);
}

/// A product of joins: joins each field with its like. Every field is named, as one that is not
/// joined would be the last one told, whatever the order: a struct with one more does not compile.
macro_rules! join_fields {
    ($state:ident { $($field:ident),+ $(,)? }) => {
        impl $crate::law::Join for $state {
            fn join(&mut self, other: Self) {
                let Self { $($field),+ } = other;
                $($crate::law::Join::join(&mut self.$field, $field);)+
            }
        }
    };
}
pub(crate) use join_fields;

/// A flag that is never taken back.
impl Join for bool {
    fn join(&mut self, other: Self) {
        *self |= other;
    }
}

/// Joins maps key by key.
impl<K: Ord, V: Join> Join for std::collections::BTreeMap<K, V> {
    fn join(&mut self, other: Self) {
        use std::collections::btree_map::Entry;
        for (key, value) in other {
            match self.entry(key) {
                Entry::Occupied(mut entry) => entry.get_mut().join(value),
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
            }
        }
    }
}

/// Joins sets by union.
impl<K: Ord> Join for std::collections::BTreeSet<K> {
    fn join(&mut self, other: Self) {
        self.extend(other);
    }
}
