//! What the sink has to know of a view of states, said once by the view itself.

use super::buffer::{Buffer, Place, Target};
use super::step::Step;
use super::tellings::Tellings;
use crate::origin::{Origin, Traced};
use crate::rollup::Rollup;
use crate::table::{Mapped, Table};
use gapless_schemas::{Codec, DecodeError, Naming, Record, StateTopic};

/// A row of a view of states.
pub(crate) trait StateRow: Traced + Send + Sync + Sized + 'static {
    /// The state that it shows.
    type State: Record;
    /// Where states come from.
    const TOPIC: StateTopic;
    /// Its table.
    const TABLE: &'static Table;
    /// The figures that follow from its rows.
    const ROLLUP: Option<&'static Rollup>;
    /// Whether states tell what people, labels and milestones are called.
    const TELLS_NAMES: bool = false;

    /// The table's columns.
    fn mapping() -> &'static [Mapped<Self>];

    /// Host and repository of a state.
    fn place(state: &Self::State) -> (&str, i64);

    /// What a state calls people, labels and milestones, which is another table's.
    fn take_names(_: &mut Self::State) -> Vec<Naming> {
        Vec::new()
    }

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
        let (host, repository_id) = R::place(&state);
        let place = place(host, repository_id);
        for naming in R::take_names(&mut state) {
            names.push(naming, &place.host, &origin);
        }
        self.push(R::new(state, origin), &place);
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
            tells_names: R::TELLS_NAMES,
            waiting: || {
                let target = Target::new(R::TABLE, R::mapping(), R::ROLLUP);
                Box::new(Buffer::<R>::new(target))
            },
        }
    }
}
