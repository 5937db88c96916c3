//! The window, on a display of its own (Xvfb), driven by real key presses (xdotool): `make test-view`, which says by `TRACETWIN_VIEW` where the command with
//! the window is. (Built with the tests' own dependencies it would compile Bevy once more.) Pictures of it are left in the folder that
//! `TRACETWIN_PICTURES` names, for somebody to look at.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use image::RgbImage;

const SIZE: [u32; 2] = [1440, 900];

/// Longest time for anything: a guard against hanging, on a machine of any speed.
const PATIENCE: Duration = Duration::from_secs(600);

/// An X server without a screen, whose picture lies in a file.
struct Display {
    server: Child,
    number: String,
    folder: tempfile::TempDir,
}

impl Display {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &format!("{}x{}x24", SIZE[0], SIZE[1]), "-fbdir"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is needed: apt install xvfb");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        Self { server, number: format!(":{}", number.trim()), folder }
    }

    /// What the screen shows now, from the dump that the server keeps (X11/XWDFile.h: big-endian words, then colours, then rows).
    fn picture(&self) -> RgbImage {
        let bytes = std::fs::read(self.folder.path().join("Xvfb_screen0")).unwrap();
        let word = |i: usize| u32::from_be_bytes(bytes[4 * i..4 * i + 4].try_into().unwrap()) as usize;
        let (header, width, height, stride, colours) = (word(0), word(4), word(5), word(12), word(19));
        assert_eq!((word(1), word(11)), (7, 32), "an XWD file of 32 bits a pixel");
        let rows = &bytes[header + 12 * colours..];
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let at = y as usize * stride + 4 * x as usize;
            // Little-endian x8r8g8b8.
            image::Rgb([rows[at + 2], rows[at + 1], rows[at]])
        })
    }

    fn act(&self, arguments: &[&str]) {
        let status =
            Command::new("xdotool").args(arguments).env("DISPLAY", &self.number).status().expect("xdotool is needed: apt install xdotool");
        assert!(status.success(), "xdotool {arguments:?}");
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// The command with what it says.
struct View {
    child: Child,
    lines: Receiver<String>,
}

impl View {
    fn start(display: &Display, scenario: &Path) -> Self {
        let mut child = Command::new(with_window())
            .arg("view")
            .arg(scenario)
            .env("DISPLAY", &display.number)
            .env_remove("WAYLAND_DISPLAY")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
        Self { child, lines }
    }

    /// Waits until it says something with these words; all that it said until then.
    fn wait(&self, words: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("waiting for {words:?} after {said:#?}"));
            eprintln!("{line}");
            said.push(line);
            if said.last().unwrap().contains(words) {
                return said;
            }
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The command, built with its window.
fn with_window() -> PathBuf {
    PathBuf::from(std::env::var_os("TRACETWIN_VIEW").expect("TRACETWIN_VIEW names the command with the window: make test-view"))
}

/// The demo with files of its own.
fn scenario(folder: &Path) -> PathBuf {
    for part in ["demo.toml", "rigs/four-cameras.toml", "catalogues/cartons.toml"] {
        let to = folder.join(part);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(part), to).unwrap();
    }
    folder.join("demo.toml")
}

/// Waits for the screen to show something else than `before`, by looking.
fn changed(display: &Display, before: &RgbImage) -> RgbImage {
    let begun = std::time::Instant::now();
    loop {
        let picture = display.picture();
        if &picture != before {
            return picture;
        }
        assert!(begun.elapsed() < PATIENCE, "the screen never changed");
        std::thread::yield_now();
    }
}

fn count(picture: &RgbImage, colour: [u8; 3], [x, y, width, height]: [u32; 4]) -> usize {
    let near = |p: &[u8; 3]| p.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 6);
    (y..y + height).flat_map(|y| (x..x + width).map(move |x| (x, y))).filter(|(x, y)| near(&picture.get_pixel(*x, *y).0)).count()
}

#[test]
#[ignore = "needs a build with the window: make test-view"]
fn a_station_is_looked_at_changed_and_saved() {
    let pictures = std::env::var_os("TRACETWIN_PICTURES").map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    std::fs::create_dir_all(&pictures).unwrap();
    let keep = |name: &str, picture: &RgbImage| picture.save(pictures.join(format!("view-{name}.png"))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let scenario = scenario(folder.path());
    let rig = folder.path().join("rigs/four-cameras.toml");
    let before = std::fs::read_to_string(&rig).unwrap();
    let display = Display::start();
    let mut view = View::start(&display, &scenario);

    // At rest: the load lies on the plate, every camera's frame has been read.
    view.wait("view: opening the window");
    // There is no window manager that would give it the keyboard.
    display.act(&["search", "--sync", "--name", "TraceTwin", "windowfocus"]);
    let said = view.wait("view: all cameras read");
    assert!(
        said.iter().any(|line| line.contains("plate at 0.0 degrees, pattern all, lamp north-east at [692.8, 400.0, 700.0] mm")),
        "{said:#?}"
    );
    let read = said.iter().filter(|line| line.contains(" read, ")).count();
    assert_eq!(read, 4, "{said:#?}");
    // The window shows it a moment later than it is said.
    let green = [70, 220, 110];
    let insets = [0, 630, SIZE[0], 270];
    let mut shown = display.picture();
    while count(&shown, green, insets) < 100 {
        shown = changed(&display, &shown);
    }
    keep("1-at-rest", &shown);
    let grey: std::collections::BTreeSet<u8> = shown.pixels().filter(|p| p[0] == p[1] && p[1] == p[2]).map(|p| p[0]).collect();
    assert!(grey.len() > 150, "{} shades of grey", grey.len());
    let amber = [255, 176, 46];
    assert!(count(&shown, amber, [0, 608, 1124, 22]) >= 5 * 20, "the time is marked on the timeline");

    // A lamp moves and is dimmed; what the cameras see is read again.
    display.act(&["mousemove", "500", "300", "key", "l", "key", "minus"]);
    view.wait("lamp north-east at [702.8, 400.0, 700.0] mm");
    view.wait("view: all cameras read");
    let moved = changed(&display, &shown);
    keep("2-lamp-moved", &moved);
    assert_eq!(std::fs::read_to_string(&rig).unwrap(), before, "nothing is saved unasked");
    display.act(&["key", "s"]);
    view.wait("view: saved 2 values");
    let after = std::fs::read_to_string(&rig).unwrap();
    let differ: Vec<(&str, &str)> = before.lines().zip(after.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(
        differ,
        [("position_mm = [692.8, 400.0, 700]", "position_mm = [702.8, 400.0, 700.0]"), ("intensity = 0.45", "intensity = 0.4091")]
    );
    assert_eq!(before.lines().count(), after.lines().count());

    // The mouse turns the view; the wheel comes nearer.
    let still = display.picture();
    display.act(&["mousedown", "1", "mousemove", "700", "360", "mouseup", "1", "click", "4", "click", "4"]);
    let turned = changed(&display, &still);
    assert_ne!(turned, still);

    // In the middle of the fall, and a later stop of the plate.
    display.act(&["key", "Home"]);
    view.wait("view: 0.00 s");
    display.act(&["key", "shift+Right", "key", "shift+Right", "key", "shift+Right"]);
    view.wait("view: 3.00 s");
    keep("3-falling", &display.picture());
    display.act(&["key", "period", "key", "period", "key", "period"]);
    view.wait("plate at 40.0 degrees");
    view.wait("view: all cameras read");
    let through = display.picture();
    display.act(&["key", "c"]);
    keep("4-stop", &through);
    // Its picture does not fill the place: the ground shows beside it.
    let mut seen = through;
    while seen.get_pixel(1100, 300).0 != [24, 26, 30] {
        seen = changed(&display, &seen);
    }
    keep("5-through", &seen);

    // Escape leaves the camera, then the window.
    display.act(&["key", "Escape", "key", "Escape"]);
    let status = view.child.wait().unwrap();
    assert!(status.success(), "{status}");
}

/// Exit code and what it says on standard error.
fn view_without_display(command: &Path, scenario: &Path) -> (Option<i32>, String) {
    let displays = ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"];
    let mut command = Command::new(command);
    for name in displays {
        command.env_remove(name);
    }
    let output = command.arg("view").arg(scenario).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
#[ignore = "needs a build with the window: make test-view"]
fn without_a_display_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said) = view_without_display(&with_window(), &scenario(folder.path()));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"), "{said}");
}

#[test]
fn a_build_without_the_window_says_so_after_the_scenarios_faults() {
    let folder = tempfile::tempdir().unwrap();
    let file = scenario(folder.path());
    let command = Path::new(env!("CARGO_BIN_EXE_tracetwin"));
    let (code, said) = view_without_display(command, &file);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("this build has no window") && said.contains("make view"), "{said}");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + "\nwrong = 1\n").unwrap();
    let (code, said) = view_without_display(command, &file);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("wrong"), "{said}");
}
