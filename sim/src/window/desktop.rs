//! The window itself, by Bevy and winit: one picture over all of it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bevy::asset::RenderAssetUsages;
use bevy::input::ButtonState;
use bevy::input::keyboard::{Key as Pressed, KeyboardInput};
use bevy::input::mouse::{MouseButtonInput, MouseScrollUnit, MouseWheel};
use bevy::log::LogPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::window::{WindowResized, WindowResolution};
use bevy::winit::{UpdateMode, WinitSettings};

use super::{Button, Canvas, Input, Key, Painted, Painter};
use crate::error::SimError;

/// How long a painter with nothing to do waits for something to happen.
const PATIENCE: Duration = Duration::from_millis(100);

/// Time between two looks for a new picture.
const LOOK: Duration = Duration::from_millis(30);

/// Pixels of a touchpad's scrolling that are as much as one notch of a wheel.
const PX_PER_NOTCH: f64 = 40.0;

/// What the painter's thread leaves for the window.
#[derive(Default)]
struct Left {
    picture: Option<Canvas>,
    close: bool,
}

#[derive(Resource)]
struct Link {
    inputs: Sender<Input>,
    left: Arc<Mutex<Left>>,
}

#[derive(Resource, Default)]
struct Mouse {
    at: [f64; 2],
    held: Option<Button>,
    shift: bool,
}

#[derive(Component)]
struct Shown;

/// Opens a window and shows what `painter` paints, until either closes it. To be called from the program's main thread.
///
/// # Errors
/// [`SimError::Environment`] where there is no display, or nothing to draw on it with.
pub fn show(title: &str, size: [u32; 2], painter: impl Painter) -> Result<(), SimError> {
    if ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"].iter().all(|name| std::env::var_os(name).is_none_or(|value| value.is_empty())) {
        return Err(SimError::Environment("there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set".into()));
    }
    crate::render::probe_adapter()?;
    let (inputs, inbox) = channel();
    let left = Arc::new(Mutex::new(Left::default()));
    let link = Link { inputs, left: Arc::clone(&left) };
    let thread = std::thread::Builder::new()
        .name("painter".into())
        .spawn(move || work(painter, &inbox, &left))
        .map_err(|e| SimError::Environment(format!("starting the painter's thread: {e}")))?;
    let window = Window {
        title: title.into(),
        // Pixels are pixels: the painter knows nothing of scaled desktops.
        resolution: WindowResolution::new(size[0], size[1]).with_scale_factor_override(1.0),
        ..Default::default()
    };
    // The window's library panics where it cannot reach the display.
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        App::new()
            .add_plugins(
                DefaultPlugins
                    .set(WindowPlugin { primary_window: Some(window), ..Default::default() })
                    .set(RenderPlugin { synchronous_pipeline_compilation: true, ..Default::default() })
                    .disable::<LogPlugin>(),
            )
            .insert_resource(WinitSettings {
                focused_mode: UpdateMode::reactive_low_power(LOOK),
                unfocused_mode: UpdateMode::reactive_low_power(LOOK),
            })
            .insert_resource(link)
            .init_resource::<Mouse>()
            .add_systems(Startup, open)
            .add_systems(Update, (gather, present).chain())
            .run()
    }));
    let painted = thread.join();
    match (ran, painted) {
        (Err(_), _) => {
            Err(SimError::Environment("the window cannot be opened: the display does not answer, or lacks what a window needs".into()))
        }
        (_, Err(_)) => Err(SimError::Environment("the painter's thread panicked".into())),
        (Ok(AppExit::Error(code)), _) => Err(SimError::Environment(format!("the window ended with code {code}"))),
        (Ok(AppExit::Success), Ok(())) => Ok(()),
    }
}

/// The painter's life: until it closes, or the window is gone.
fn work(mut painter: impl Painter, inbox: &Receiver<Input>, left: &Mutex<Left>) {
    loop {
        let mut inputs = Vec::new();
        if !painter.busy() {
            match inbox.recv_timeout(PATIENCE) {
                Ok(input) => inputs.push(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        loop {
            match inbox.try_recv() {
                Ok(input) => inputs.push(input),
                Err(std::sync::mpsc::TryRecvError::Empty) => break,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
            }
        }
        match painter.paint(&inputs) {
            Painted::Picture(canvas) => lock(left).picture = Some(canvas),
            Painted::Same => {}
            Painted::Close => {
                lock(left).close = true;
                return;
            }
        }
    }
}

fn lock(left: &Mutex<Left>) -> MutexGuard<'_, Left> {
    left.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn open(mut commands: Commands) {
    commands.spawn(Camera2d);
    commands.spawn((Shown, ImageNode::default(), Node { width: percent(100), height: percent(100), ..Default::default() }));
}

fn present(
    link: Res<Link>,
    mut images: ResMut<Assets<Image>>,
    mut shown: Single<&mut ImageNode, With<Shown>>,
    mut exit: MessageWriter<AppExit>,
) {
    let (picture, close) = {
        let mut left = lock(&link.left);
        (left.picture.take(), left.close)
    };
    if close {
        exit.write(AppExit::Success);
    }
    if let Some(canvas) = picture {
        let size = Extent3d { width: canvas.width as u32, height: canvas.height as u32, depth_or_array_layers: 1 };
        let image = Image::new(size, TextureDimension::D2, canvas.rgba, TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::RENDER_WORLD);
        shown.image = images.add(image);
    }
}

fn gather(
    link: Res<Link>,
    mut mouse: ResMut<Mouse>,
    mut keys: MessageReader<KeyboardInput>,
    mut buttons: MessageReader<MouseButtonInput>,
    mut moves: MessageReader<CursorMoved>,
    mut wheels: MessageReader<MouseWheel>,
    mut sizes: MessageReader<WindowResized>,
) {
    let tell = |input: Input| {
        // A painter that is gone needs no input.
        let _ = link.inputs.send(input);
    };
    for size in sizes.read() {
        tell(Input::Size([size.width, size.height].map(|x| x.round().max(1.0) as u32)));
    }
    for key in keys.read() {
        let down = key.state == ButtonState::Pressed;
        if key.logical_key == Pressed::Shift {
            mouse.shift = down;
        } else if let (true, Some(pressed)) = (down, key_of(&key.logical_key)) {
            tell(Input::Key { key: pressed, shift: mouse.shift });
        }
    }
    for event in moves.read() {
        let at = [event.position.x, event.position.y].map(f64::from);
        let by = [at[0] - mouse.at[0], at[1] - mouse.at[1]];
        mouse.at = at;
        if let Some(button) = mouse.held {
            tell(Input::Drag { button, at, by });
        }
    }
    for event in buttons.read() {
        let button = match event.button {
            MouseButton::Left => Button::Left,
            MouseButton::Right => Button::Right,
            MouseButton::Middle => Button::Middle,
            _ => continue,
        };
        mouse.held = (event.state == ButtonState::Pressed).then_some(button);
        if mouse.held.is_some() {
            tell(Input::Press { button, at: mouse.at });
        }
    }
    for event in wheels.read() {
        let notches = match event.unit {
            MouseScrollUnit::Line => f64::from(event.y),
            MouseScrollUnit::Pixel => f64::from(event.y) / PX_PER_NOTCH,
        };
        tell(Input::Wheel { at: mouse.at, notches });
    }
}

fn key_of(key: &Pressed) -> Option<Key> {
    Some(match key {
        Pressed::Character(text) => Key::Char(text.chars().next()?.to_ascii_lowercase()),
        Pressed::Space => Key::Char(' '),
        Pressed::ArrowLeft => Key::Left,
        Pressed::ArrowRight => Key::Right,
        Pressed::ArrowUp => Key::Up,
        Pressed::ArrowDown => Key::Down,
        Pressed::PageUp => Key::PageUp,
        Pressed::PageDown => Key::PageDown,
        Pressed::Home => Key::Home,
        Pressed::End => Key::End,
        Pressed::Tab => Key::Tab,
        Pressed::Escape => Key::Escape,
        _ => return None,
    })
}
