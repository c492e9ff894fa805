//! What the sink has to know of a view of states, said once by the view itself.

use super::buffer::{Buffer, Place, Target};
use super::step::Step;
use super::tellings::Tellings;
use crate::origin::{OfRepository, Origin, Traced};
use crate::rollup::Rollup;
use crate::table::{Mapped, Table};
use gapless_schemas::{Codec, DecodeError, Naming, Record, StateTopic};

/// Where a state keeps what it calls people, labels and milestones.
pub(crate) type NamingsOf<S> = fn(&mut S) -> &mut Vec<Naming>;

/// A row of a view of states.
pub(crate) trait StateRow: Traced + OfRepository + Send + Sync + Sized + 'static {
    /// The state that it shows.
    type State: Record;
    /// Where states come from.
    const TOPIC: StateTopic;
    /// Its table.
    const TABLE: &'static Table;
    /// The figures that follow from its rows.
    const ROLLUP: Option<&'static Rollup>;
    /// Where a state says what people, labels and milestones are called, which is another table's.
    const NAMINGS: Option<NamingsOf<Self::State>> = None;

    /// The table's columns.
    fn mapping() -> &'static [Mapped<Self>];

    /// The row of a state.
    fn new(state: Self::State, origin: Origin) -> Self;
}

/// Rows of one view that wait, whatever they are.
pub(crate) trait Waiting: Send + Sync {
    /// Takes in a record's value. `place` says where of a host and repository it comes from.
    ///
    /// # Errors
    /// Where it is no state of this view. Reaction: see [`super::Refused`].
    fn take(
        &mut self,
        codec: &Codec,
        value: &[u8],
        origin: Origin,
        place: &dyn Fn(&str, i64) -> Place,
        names: &mut Tellings,
    ) -> Result<(), DecodeError>;

    /// See [`Buffer::len`].
    fn len(&self) -> usize;

    /// See [`Buffer::take_rows`].
    fn take_rows(&mut self, pairs: &mut Vec<Step>, rows: &mut Vec<Step>);

    /// See [`Buffer::take_figures`].
    fn take_figures(&mut self, steps: &mut Vec<Step>);
}

impl<R: StateRow> Waiting for Buffer<R> {
    fn take(
        &mut self,
        codec: &Codec,
        value: &[u8],
        origin: Origin,
        place: &dyn Fn(&str, i64) -> Place,
        names: &mut Tellings,
    ) -> Result<(), DecodeError> {
        let mut state: R::State = codec.decode(value)?;
        let namings = R::NAMINGS.map(|of| std::mem::take(of(&mut state)));
        let row = R::new(state, origin);
        for naming in namings.into_iter().flatten() {
            names.push(naming, row.host(), row.origin());
        }
        let place = place(row.host(), row.repository_id());
        self.push(row, &place);
        Ok(())
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn take_rows(&mut self, pairs: &mut Vec<Step>, rows: &mut Vec<Step>) {
        self.take_rows(pairs, rows);
    }

    fn take_figures(&mut self, steps: &mut Vec<Step>) {
        self.take_figures(steps);
    }
}

/// A view of states, as the catalogue lists it.
pub(crate) struct OfState {
    pub(crate) topic: StateTopic,
    pub(crate) table: &'static Table,
    pub(crate) tells_names: bool,
    /// Where its rows wait.
    pub(super) waiting: fn() -> Box<dyn Waiting>,
}

impl OfState {
    /// The view whose rows are `R`.
    pub(crate) const fn of<R: StateRow>() -> Self {
        Self {
            topic: R::TOPIC,
            table: R::TABLE,
            tells_names: R::NAMINGS.is_some(),
            waiting: || {
                let target = Target::new(R::TABLE, R::mapping(), R::ROLLUP);
                Box::new(Buffer::<R>::new(target))
            },
        }
    }
}
