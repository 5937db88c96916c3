//! No stale and no half-loaded frame: what comes out shows the state that was asked for.

use sim::error::SimError;
use sim::render::scene::Scene;
use sim::render::{Renderer, Shot};

use crate::station::{self, oblique, overhead, placements};

fn renderer(packages: usize) -> Renderer {
    let spec = station::station(packages);
    Renderer::start(Scene::new(&spec, &placements(&spec.packages)).unwrap(), 3000.0).unwrap()
}

fn shot(angle_rad: f64, lamp: usize) -> Shot {
    let mut lamp_shares = vec![0.0; 4];
    lamp_shares[lamp] = 1.0;
    Shot::at_rest(overhead(96, 72, 110.0, 1.0), angle_rad, lamp_shares)
}

#[test]
fn the_first_frame_after_the_start_is_already_right() {
    let first = renderer(4).render(shot(0.4, 0)).unwrap();
    let again = renderer(4);
    again.render(shot(2.0, 1)).unwrap();
    let later = again.render(shot(0.4, 0)).unwrap();
    assert_eq!(first.pixels, later.pixels);
    // And it shows something: bright cartons, a darker plate.
    let bright = first.pixels.iter().filter(|p| **p > 0.2).count();
    assert!((100..6000).contains(&bright), "{bright} bright pixels");
}

#[test]
fn hundreds_of_alternating_states_never_show_each_other() {
    let renderer = renderer(4);
    let mut states = vec![shot(0.0, 0), shot(1.5, 0), shot(0.0, 2), shot(1.5, 3)];
    // Another camera of the same size and one of another size.
    states.push(Shot { calibration: oblique(96, 72, 110.0, [0.7, 0.2, 0.5]), ..shot(0.0, 0) });
    states.push(Shot { calibration: overhead(61, 33, 70.0, 1.0), ..shot(0.0, 0) });
    let wanted: Vec<_> = states.iter().map(|s| renderer.render(s.clone()).unwrap().pixels).collect();
    for (i, a) in wanted.iter().enumerate() {
        for b in &wanted[i + 1..] {
            let apart = a.len() != b.len() || a.iter().zip(b).filter(|(x, y)| (*x - *y).abs() > 0.02).count() > 100;
            assert!(apart, "two states look alike, so this test would prove nothing");
        }
    }
    for round in 0..100 {
        // Requests stand in a queue, as those of several cameras do.
        let order: Vec<usize> = (0..3).map(|k| (round * 5 + k * (round % 4 + 1)) % states.len()).collect();
        let pending: Vec<_> = order.iter().map(|i| renderer.request(states[*i].clone())).collect();
        for (i, frame) in order.into_iter().zip(pending) {
            assert!(frame.wait().unwrap().pixels == wanted[i], "round {round} does not show state {i}");
        }
    }
    assert_eq!(renderer.stats().frames, 6 + 3 * 100);
}

#[test]
fn a_frame_with_another_requests_token_is_never_delivered() {
    let renderer = renderer(2);
    let wanted = renderer.render(shot(0.0, 0)).unwrap();
    match renderer.render_spoilt(shot(0.0, 0)) {
        Err(SimError::Capture(message)) => assert!(message.contains("token of surface 0 is wrong"), "{message}"),
        other => panic!("a wrong token gave {:?}", other.map(|r| r.attempts)),
    }
    assert_eq!(renderer.render(shot(0.0, 0)).unwrap().pixels, wanted.pixels);
}

#[test]
fn what_cannot_be_rendered_is_refused() {
    let renderer = renderer(0);
    let mut bent = shot(0.0, 0);
    bent.calibration.intrinsics.distortion[0] = -5.0;
    let mut empty = shot(0.0, 0);
    empty.calibration.intrinsics.size_px = [0, 10];
    let lamps = Shot { lamp_shares: vec![1.0; 3], ..shot(0.0, 0) };
    let angle = shot(f64::NAN, 0);
    for (shot, word) in [(bent, "distortion"), (empty, "0×10"), (lamps, "4 lamps"), (angle, "NaN")] {
        match renderer.render(shot) {
            Err(SimError::Spec(message)) => assert!(message.contains(word), "{message}"),
            other => panic!("{word}: {other:?}"),
        }
    }
}
