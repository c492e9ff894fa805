//! Deliveries of the simulated organisation, in the sizes that are measured.

use gapless_simulator::{Delivery, Options, PayloadForm, World};
use serde::{Deserialize, Serialize};

/// The secret of all deliveries.
pub(crate) fn secret() -> String {
    Options::default().secret
}

/// Which deliveries.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Bodies {
    /// Issues' deliveries of 13.5 to 14.5 KB.
    Of14Kb,
    /// Whole lives in their order, 10 KB on average: as many as possible with all of GitHub's keys,
    /// the others without the addresses.
    Lives,
}

/// Average size of [`Bodies::Lives`].
const LIVES_BYTES: usize = 10_000;
/// Sizes of [`Bodies::Of14Kb`].
const WEBHOOK_BYTES: std::ops::Range<usize> = 13_500..14_500;
/// Brings an issue's delivery of 12 KB to 14 KB.
const PADDING: usize = 1_800;

impl Bodies {
    /// The first `count` of them.
    pub(crate) fn deliveries(self, count: usize) -> Box<dyn Iterator<Item = Delivery> + Send> {
        match self {
            Self::Of14Kb => {
                let options = Options {
                    changes: 200 * count,
                    payload_padding: PADDING,
                    ..Options::default()
                };
                let fitting =
                    all(options).filter(|delivery| WEBHOOK_BYTES.contains(&delivery.body.len()));
                Box::new(fitting.take(count))
            }
            Self::Lives => {
                let options = Options {
                    changes: count,
                    repositories: (count / 2_500).clamp(4, 100),
                    ..Options::default()
                };
                let compact = Options {
                    payload: PayloadForm::Compact,
                    ..options.clone()
                };
                let (mut made, mut bytes) = (0, 0);
                let both = all(options).zip(all(compact));
                let mixed = both.map(move |(complete, compact)| {
                    made += 1;
                    let chosen = if bytes + complete.body.len() <= made * LIVES_BYTES {
                        complete
                    } else {
                        compact
                    };
                    bytes += chosen.body.len();
                    chosen
                });
                Box::new(mixed.take(count))
            }
        }
    }
}

/// All deliveries of a world.
fn all(options: Options) -> impl Iterator<Item = Delivery> + Send {
    let mut world = World::new(options);
    std::iter::from_fn(move || world.step()).flat_map(|step| step.deliveries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_are_of_10_kb_on_average_and_tell_one_story() {
        let lives: Vec<Delivery> = Bodies::Lives.deliveries(2_000).collect();
        assert_eq!(lives.len(), 2_000);
        let mean = lives.iter().map(|it| it.body.len()).sum::<usize>() / lives.len();
        assert!((9_000..=10_000).contains(&mean), "{mean}");
        let options = Options {
            changes: 2_000,
            repositories: 4,
            ..Options::default()
        };
        let guids = all(options).map(|it| it.guid).take(lives.len());
        assert!(guids.eq(lives.iter().map(|it| it.guid.clone())));
    }

    #[test]
    fn deliveries_for_the_webhook_are_of_14_kb() {
        let bodies: Vec<Delivery> = Bodies::Of14Kb.deliveries(50).collect();
        assert_eq!(bodies.len(), 50);
        assert!(
            bodies
                .iter()
                .all(|it| WEBHOOK_BYTES.contains(&it.body.len()))
        );
    }
}
