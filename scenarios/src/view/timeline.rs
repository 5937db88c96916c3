//! A cycle's time: the load falls, then the plate turns from stop to stop.

use hardware_hal::glam::{DQuat, DVec3};
use sim::exposure::Travel;
use sim::physics::FallMoment;
use sim::spec::{Placement, TurntableSpec};

/// How long the plate rests at a stop, s.
const REST_S: f64 = 0.6;

/// Where packages wait until they are dropped: out of everybody's sight.
const WAITING: DVec3 = DVec3::new(1000.0, 0.0, 1.0);

/// What a time looks like.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// `plate_from_package` of all packages.
    pub placements: Vec<Placement>,
    /// The plate's angle, rad.
    pub angle_rad: f64,
    /// What is going on.
    pub phase: Phase,
}

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// So many packages have been dropped and not all lie still.
    Falling(usize),
    /// The plate rests at its n-th stop.
    Stop(usize),
    /// The plate is on its way to its n-th stop.
    Turning(usize),
}

/// The whole cycle.
#[derive(Debug, Clone)]
pub struct Timeline {
    film: Vec<FallMoment>,
    packages: usize,
    /// Start of each way to a stop, and the way; the plate rests before the next.
    turns: Vec<(f64, Travel)>,
}

impl Timeline {
    /// From a film of the drop and the stops of a cycle (rad).
    pub fn new(film: Vec<FallMoment>, packages: usize, turntable: &TurntableSpec, stops_rad: &[f64]) -> Self {
        let mut at = film.last().map_or(0.0, |moment| moment.time_s);
        let mut from = 0.0;
        let mut turns = Vec::new();
        for to in stops_rad {
            let travel = Travel { from, to: *to, speed: turntable.speed_rad_s, acceleration: turntable.acceleration_rad_s2 };
            turns.push((at, travel));
            at += travel.seconds() + REST_S;
            from = *to;
        }
        Self { film, packages, turns }
    }

    /// When the load lies still, s.
    pub fn fallen_s(&self) -> f64 {
        self.film.last().map_or(0.0, |moment| moment.time_s)
    }

    /// Its length, s.
    pub fn seconds(&self) -> f64 {
        self.turns.last().map_or(self.fallen_s(), |(at, travel)| at + travel.seconds() + REST_S)
    }

    /// When the plate has come to its n-th stop, s.
    pub fn stop_s(&self, stop: usize) -> Option<f64> {
        self.turns.get(stop).map(|(at, travel)| at + travel.seconds())
    }

    /// The stop that comes after (or before) a time.
    pub fn next_stop_s(&self, time: f64, forward: bool) -> f64 {
        let mut stops = (0..self.turns.len()).filter_map(|stop| self.stop_s(stop));
        if forward {
            stops.find(|at| *at > time + 1e-6).unwrap_or(self.seconds())
        } else {
            stops.rfind(|at| *at < time - 1e-6).unwrap_or(0.0)
        }
    }

    /// What is to be seen at a time.
    pub fn at(&self, time: f64) -> Moment {
        if time < self.fallen_s() {
            let index = self.film.partition_point(|moment| moment.time_s <= time).saturating_sub(1);
            let thrown = self.film.get(index).filter(|moment| moment.time_s <= time).map_or(&[][..], |moment| &moment.placements);
            let waiting = Placement { rotation: DQuat::IDENTITY, translation: WAITING };
            let mut placements = thrown.to_vec();
            placements.extend((thrown.len()..self.packages).map(|i| Placement { translation: WAITING + DVec3::Y * i as f64, ..waiting }));
            return Moment { placements, angle_rad: 0.0, phase: Phase::Falling(thrown.len()) };
        }
        let placements = self.film.last().map_or_else(Vec::new, |moment| moment.placements.clone());
        let stop = self.turns.iter().rposition(|(at, _)| *at <= time);
        let Some((stop, (at, travel))) = stop.map(|stop| (stop, self.turns[stop])) else {
            return Moment { placements, angle_rad: 0.0, phase: Phase::Stop(0) };
        };
        let phase = if time + 1e-9 < at + travel.seconds() { Phase::Turning(stop) } else { Phase::Stop(stop) };
        Moment { placements, angle_rad: travel.angle(time - at), phase }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(x: f64) -> Placement {
        Placement { rotation: DQuat::IDENTITY, translation: DVec3::new(x, 0.0, 0.0) }
    }

    fn timeline() -> Timeline {
        let film = vec![
            FallMoment { time_s: 0.5, placements: vec![placed(1.0)] },
            FallMoment { time_s: 1.0, placements: vec![placed(2.0)] },
            FallMoment { time_s: 2.0, placements: vec![placed(3.0), placed(4.0)] },
        ];
        let turntable = TurntableSpec { resolution_rad: 0.001, speed_rad_s: 1.0, acceleration_rad_s2: 1.0 };
        Timeline::new(film, 2, &turntable, &[0.0, 1.0])
    }

    #[test]
    fn what_was_not_dropped_waits_out_of_sight() {
        let timeline = timeline();
        for (time, thrown, first) in [(0.0, 0, WAITING.x), (0.7, 1, 1.0), (1.9, 1, 2.0)] {
            let moment = timeline.at(time);
            assert_eq!((moment.phase, moment.angle_rad), (Phase::Falling(thrown), 0.0));
            assert_eq!(moment.placements[0].translation.x, first);
            assert_eq!(moment.placements[1].translation, WAITING + DVec3::Y);
        }
        assert_eq!(timeline.at(2.0).placements, [placed(3.0), placed(4.0)]);
    }

    #[test]
    fn the_plate_turns_from_stop_to_stop_and_rests() {
        let timeline = timeline();
        // No way to the first stop; 1 rad at 1 rad/s² takes 2 s.
        assert_eq!((timeline.stop_s(0), timeline.stop_s(1), timeline.stop_s(2)), (Some(2.0), Some(4.6), None));
        assert!((timeline.seconds() - 5.2).abs() < 1e-9);
        assert_eq!(timeline.at(2.3).phase, Phase::Stop(0));
        assert_eq!((timeline.at(3.6).phase, timeline.at(3.6).angle_rad), (Phase::Turning(1), 0.5));
        assert_eq!((timeline.at(9.0).phase, timeline.at(9.0).angle_rad), (Phase::Stop(1), 1.0));
        assert_eq!([timeline.next_stop_s(0.0, true), timeline.next_stop_s(2.0, true)], [2.0, 4.6]);
        assert_eq!(timeline.next_stop_s(5.0, true), timeline.seconds());
        assert_eq!([timeline.next_stop_s(5.0, false), timeline.next_stop_s(2.0, false)], [4.6, 0.0]);
    }
}
