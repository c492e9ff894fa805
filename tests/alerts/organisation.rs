//! Half a year of webhooks of organisations of every pace, and what can go wrong with them.

/// A day in seconds.
pub(crate) const DAY: i64 = 86_400;
/// An hour in seconds.
pub(crate) const HOUR: i64 = 3_600;
/// A minute in seconds.
pub(crate) const MINUTE: i64 = 60;
/// 2026-01-05, a Monday.
pub(crate) const BEGIN: i64 = 1_767_571_200;
/// The end of 26 weeks.
pub(crate) const END: i64 = BEGIN + 26 * 7 * DAY;
/// When faults begin: Wednesday of the 20th week, at half past ten.
pub(crate) const FAULT: i64 = BEGIN + (19 * 7 + 2) * DAY + 10 * HOUR + 30 * MINUTE;

/// How people of an organisation work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// A webhook a minute at work, few at night and at weekends.
    Busy,
    /// Bursts of up to sixty within minutes, and nothing between them.
    Bursty,
    /// A dozen a day, some days none.
    Sparse,
    /// Busy from nine to five on weekdays, nothing at all otherwise, and three holidays.
    OfficeHours,
}

/// All of them.
pub(crate) const PACES: [Pace; 4] = [Pace::Busy, Pace::Bursty, Pace::Sparse, Pace::OfficeHours];

/// What goes wrong from [`FAULT`] on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// GitHub sends no webhook any more.
    WebhooksStop,
    /// Events take three minutes to become rows.
    SlowRows,
    /// Events become rows, states do not.
    ProcessorsStop,
    /// One event cannot be read, and is fetched within the hour.
    OneUnreadable,
    /// Of ten events, nine cannot be read for two hours; they are fetched the next day.
    ManyUnreadable,
    /// A fifth is lost for eight hours, and nothing may be fetched.
    LossWithoutToken,
}

/// An event that a webhook told of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    pub(crate) received: i64,
    pub(crate) stored: i64,
    pub(crate) repository: i64,
    pub(crate) number: i64,
    pub(crate) is_pull_request: bool,
}

/// A gap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GapLife {
    pub(crate) repository: i64,
    pub(crate) detector: &'static str,
    pub(crate) since: i64,
    pub(crate) opened: i64,
    pub(crate) closed: Option<i64>,
}

/// What the tables tell of 26 weeks.
pub(crate) struct Story {
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) gaps: Vec<GapLife>,
    /// The last moment of which states are told.
    pub(crate) processed_until: i64,
}

/// Draws that are the same for every run (SplitMix64).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound as u64) as i64
    }

    fn chance(&mut self, of_thousand: i64) -> bool {
        self.below(1_000) < of_thousand
    }
}

impl Pace {
    /// Deliveries in the minute that begins at `at`.
    fn deliveries(self, at: i64, draws: &mut Draws) -> i64 {
        let day = (at - BEGIN) / DAY;
        let hour = at % DAY / HOUR;
        let is_weekend = day % 7 >= 5;
        let is_at_work = !is_weekend && (8..18).contains(&hour);
        let once = |of_thousand: i64, draws: &mut Draws| i64::from(draws.chance(of_thousand));
        match self {
            Self::Busy if is_at_work => draws.below(3),
            Self::Busy => once(if is_weekend { 20 } else { 60 }, draws),
            Self::Bursty if draws.chance(if is_at_work { 60 } else { 4 }) => 1 + draws.below(60),
            Self::Bursty => 0,
            Self::Sparse => once(if is_at_work { 16 } else { 3 }, draws),
            Self::OfficeHours => {
                let is_holiday = [60, 88, 144].contains(&day);
                let is_open = !is_weekend && !is_holiday && (9..17).contains(&hour);
                if is_open { draws.below(4) } else { 0 }
            }
        }
    }
}

impl Story {
    /// 26 weeks of an organisation. Of two thousand deliveries GitHub loses one even on good days: its
    /// gap is found within minutes and healed within the hour.
    pub(crate) fn tell(pace: Pace, fault: Option<Fault>) -> Self {
        let mut draws = Draws(pace as u64 + 1);
        let mut story = Self {
            deliveries: Vec::new(),
            gaps: Vec::new(),
            processed_until: if fault == Some(Fault::ProcessorsStop) {
                FAULT
            } else {
                END
            },
        };
        let mut minute = BEGIN;
        while minute < END {
            for _ in 0..pace.deliveries(minute, &mut draws) {
                let received = minute + draws.below(MINUTE);
                let delivery = Delivery {
                    received,
                    stored: received + 1 + draws.below(4),
                    repository: 1 + draws.below(5),
                    number: 1 + draws.below(400),
                    is_pull_request: draws.chance(500),
                };
                let is_lost = draws.below(2_000) == 0;
                let (patience, healing) = (draws.below(10 * MINUTE), draws.below(HOUR));
                if is_lost {
                    let opened = received + 5 * MINUTE + patience;
                    story.gap(delivery, "head_chain", opened, Some(opened + healing));
                } else {
                    story.arrive(delivery, fault, &mut draws);
                }
            }
            minute += MINUTE;
        }
        if fault == Some(Fault::OneUnreadable) {
            let first = story.deliveries.iter().find(|one| one.received > FAULT);
            let first = *first.expect("there is always another");
            story.gap(
                first,
                "dead_letter",
                FAULT + 10 * MINUTE,
                Some(FAULT + HOUR),
            );
        }
        story
    }

    fn arrive(&mut self, mut delivery: Delivery, fault: Option<Fault>, draws: &mut Draws) {
        let Some(fault) = fault.filter(|_| delivery.received >= FAULT) else {
            self.deliveries.push(delivery);
            return;
        };
        let since = delivery.received - FAULT;
        match fault {
            Fault::WebhooksStop => return,
            Fault::SlowRows => delivery.stored += 3 * MINUTE,
            Fault::ManyUnreadable if since < 2 * HOUR => {
                // As many as a hundred hooks would send.
                for _ in 0..4 {
                    let opened = delivery.received + 10 * MINUTE;
                    self.gap(delivery, "dead_letter", opened, Some(FAULT + DAY));
                }
            }
            Fault::LossWithoutToken if since < 8 * HOUR && draws.chance(200) => {
                self.gap(
                    delivery,
                    "head_chain",
                    delivery.received + 10 * MINUTE,
                    None,
                );
                return;
            }
            _ => {}
        }
        self.deliveries.push(delivery);
    }

    fn gap(&mut self, lost: Delivery, detector: &'static str, opened: i64, closed: Option<i64>) {
        self.gaps.push(GapLife {
            repository: lost.repository,
            detector,
            since: lost.received,
            opened,
            closed,
        });
    }
}
