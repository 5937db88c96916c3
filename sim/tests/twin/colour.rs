//! Coloured light on coloured print: pictures and ground truth against the integrals over wavelengths.

use sim::spec::{PatternSpec, TwinSpec};
use sim::spectrum::{LightColour, Pigment, Response, field, ink_on};
use sim::truth::CodeTruth;
use sim::twin::Twin;

use crate::station;

const CURVE: Response = Response::Curve(&[[400.0, 0.6], [520.0, 1.0], [650.0, 0.8], [950.0, 0.1]]);

/// One carton under a white, a red and a blue lamp, each lit by a pattern of its own and the coloured ones together.
fn spec(ink: Pigment, paper: Pigment, response: Response) -> TwinSpec {
    let mut spec = station::station(1);
    // Six pixels across a quiet zone.
    spec.cameras[0].calibration = station::overhead(1200, 900, 2500.0, 1.0);
    for (lamp, colour) in spec.lamps.iter_mut().zip([LightColour::REFERENCE, LightColour::RED, LightColour::BLUE]) {
        lamp.colour = colour;
    }
    let pattern = |name: &str, lamps: &[usize]| PatternSpec { name: name.into(), lamps: lamps.iter().map(|lamp| (*lamp, 1.0)).collect() };
    spec.patterns =
        vec![pattern("white", &[0]), pattern("red", &[1]), pattern("blue", &[2]), pattern("both", &[1, 2]), pattern("dark", &[])];
    for symbol in &mut spec.packages[0].symbols {
        (symbol.ink_pigment, symbol.paper_pigment) = (ink, paper);
    }
    spec.packages[0].artwork.gloss = 0.0;
    spec.cameras.iter_mut().for_each(|camera| camera.sensor.detail.response = response);
    spec
}

fn twin(spec: TwinSpec) -> Twin {
    let settled = station::settled(&spec);
    Twin::with_load(spec, settled).unwrap()
}

fn code(twin: &Twin, pattern: &str) -> CodeTruth {
    twin.truth("overhead", 0.0, pattern).unwrap().into_iter().find(|code| code.trace).unwrap()
}

/// Light in the middle of the quiet zone before the code's start.
fn quiet_zone(twin: &Twin, pattern: &str) -> f64 {
    let [a, b, _, d] = code(twin, pattern).corners;
    let along = [0, 1].map(|i| (b[i] - a[i]) / 145.0);
    let at = [0, 1].map(|i| (a[i] + d[i]) / 2.0 - 5.0 * along[i]);
    let picture = twin.radiance("overhead", 0.0, pattern).unwrap();
    f64::from(picture.pixels[at[1].round() as usize * picture.width as usize + at[0].round() as usize])
}

#[test]
fn a_coloured_field_shows_what_the_integral_says() {
    for response in [Response::Flat, CURVE] {
        let (grey, red) = (twin(spec(Pigment::Grey, Pigment::Grey, response)), twin(spec(Pigment::Grey, Pigment::Red, response)));
        // The room is white; what it adds is known from the dark pattern.
        let lamp = |twin: &Twin, pattern: &str| quiet_zone(twin, pattern) - quiet_zone(twin, "dark");
        for (pattern, colour) in [("white", LightColour::REFERENCE), ("red", LightColour::RED), ("blue", LightColour::BLUE)] {
            let wanted = field(1.0, Pigment::Red, response.seen(Pigment::Red, colour));
            let found = lamp(&red, pattern) / lamp(&grey, pattern);
            // Prints are kept in 8 bits.
            assert!((found - wanted).abs() < 6e-3, "{pattern} light: {found}, wanted {wanted}");
        }
        let flat = twin(spec(Pigment::Grey, Pigment::Grey, Response::Flat));
        let strength = lamp(&grey, "red") / lamp(&flat, "red");
        assert!((strength - response.strength(LightColour::RED)).abs() < 2e-3, "{strength}");
    }
}

#[test]
fn light_of_two_colours_adds_up() {
    let twin = twin(spec(Pigment::Red, Pigment::Yellow, CURVE));
    let picture = |pattern: &str| twin.radiance("overhead", 0.0, pattern).unwrap().pixels;
    let (red, blue, both, dark) = (picture("red"), picture("blue"), picture("both"), picture("dark"));
    let worst = (0..both.len()).map(|i| (red[i] + blue[i] - dark[i] - both[i]).abs() / (both[i] + 0.01)).fold(0.0, f32::max);
    assert!(worst < 4e-3, "off by a share of {worst}");
    // And the colours matter: a grey world lit by both looks otherwise.
    let grey = self::twin(spec(Pigment::Grey, Pigment::Grey, CURVE)).radiance("overhead", 0.0, "both").unwrap().pixels;
    assert!(grey.iter().zip(&both).any(|(a, b)| (a - b).abs() > 0.1));
}

#[test]
fn truth_grades_what_the_light_shows() {
    let flat = |pattern| code(&twin(spec(Pigment::Red, Pigment::Grey, Response::Flat)), pattern);
    let (red, blue) = (flat("red"), flat("blue"));
    // The room's white light is a part of each: its weight and the lamp's at the code, from grey print.
    let lights = twin(spec(Pigment::Grey, Pigment::Grey, Response::Flat));
    for (truth, pattern, colour) in [(&red, "red", LightColour::RED), (&blue, "blue", LightColour::BLUE)] {
        let (room, all) = (quiet_zone(&lights, "dark"), quiet_zone(&lights, pattern));
        let contrast = |light| {
            let seen = Response::Flat.seen(Pigment::Red, light);
            1.0 - ink_on(0.85, 0.06, Pigment::Red, seen) / 0.85
        };
        let wanted = (contrast(LightColour::REFERENCE) * room + contrast(colour) * (all - room)) / all;
        assert!((truth.contrast - wanted).abs() < 0.01, "{pattern}: {}, wanted {wanted}", truth.contrast);
    }
    assert!(red.contrast < 0.2 && red.print_grade == 0.0, "{red:?}");
    assert!(blue.contrast > 0.8 && blue.print_grade >= 3.0 && !red.nominal(), "{blue:?}");
    let grey = code(&twin(spec(Pigment::Grey, Pigment::Grey, CURVE)), "red");
    assert_eq!((grey.contrast, grey.print_grade), ((0.85 - 0.06) / 0.85, 4.0), "black on white is the same in any light");
}
