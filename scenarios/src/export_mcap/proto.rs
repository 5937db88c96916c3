//! Protocol Buffers, as much of them as Foxglove's schemas need: messages, and the descriptors by which readers know them.
//!
//! Wire format: protobuf.dev/programming-guides/encoding; descriptors: google/protobuf/descriptor.proto; field numbers: Foxglove's schemas
//! (github.com/foxglove/foxglove-sdk, schemas/proto), of which only the fields that are written here are declared.

/// A message under construction. Fields that have their default value are left out, as proto3 does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message(Vec<u8>);

impl Message {
    /// Without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, wire: u64) {
        self.varint(u64::from(field) << 3 | wire);
    }

    /// An integer, boolean or enumeration.
    #[must_use]
    pub fn int(mut self, field: u32, value: u64) -> Self {
        if value != 0 {
            self.key(field, 0);
            self.varint(value);
        }
        self
    }

    /// A double.
    #[must_use]
    pub fn double(mut self, field: u32, value: f64) -> Self {
        if value.to_bits() != 0 {
            self.key(field, 1);
            self.0.extend(value.to_le_bytes());
        }
        self
    }

    /// A list of doubles, packed.
    #[must_use]
    pub fn doubles(self, field: u32, values: &[f64]) -> Self {
        let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.blob(field, &packed)
    }

    /// A fixed32.
    #[must_use]
    pub fn fixed32(mut self, field: u32, value: u32) -> Self {
        if value != 0 {
            self.key(field, 5);
            self.0.extend(value.to_le_bytes());
        }
        self
    }

    /// Bytes.
    #[must_use]
    pub fn blob(mut self, field: u32, value: &[u8]) -> Self {
        if !value.is_empty() {
            self.key(field, 2);
            self.varint(value.len() as u64);
            self.0.extend(value);
        }
        self
    }

    /// A text.
    #[must_use]
    pub fn text(self, field: u32, value: &str) -> Self {
        self.blob(field, value.as_bytes())
    }

    /// A message, which is there even if it is empty.
    #[must_use]
    pub fn message(mut self, field: u32, value: &Self) -> Self {
        self.key(field, 2);
        self.varint(value.0.len() as u64);
        self.0.extend(&value.0);
        self
    }

    /// A list of messages.
    #[must_use]
    pub fn messages(self, field: u32, values: impl IntoIterator<Item = Self>) -> Self {
        values.into_iter().fold(self, |message, value| message.message(field, &value))
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Double,
    Int64,
    Int32,
    Fixed32,
    Bool,
    Text,
    Bytes,
    /// A message, by its full name.
    Of(&'static str),
    /// An enumeration, by its full name.
    One(&'static str),
    /// Lists.
    Doubles,
    Many(&'static str),
}

type Fields = &'static [(&'static str, u32, Kind)];

/// Names and values of an enumeration.
type Values = &'static [(&'static str, u64)];

/// Enumerations by the message that they are declared in: message, name, values.
const ENUMS: &[(&str, &str, Values)] = &[
    ("PointsAnnotation", "Type", &[("UNKNOWN", 0), ("POINTS", 1), ("LINE_LOOP", 2), ("LINE_STRIP", 3), ("LINE_LIST", 4)]),
    ("Log", "Level", &[("UNKNOWN", 0), ("DEBUG", 1), ("INFO", 2), ("WARNING", 3), ("ERROR", 4), ("FATAL", 5)]),
];

const TIME: Kind = Kind::Of("google.protobuf.Timestamp");
const VECTOR: Kind = Kind::Of("foxglove.Vector3");
const QUATERNION: Kind = Kind::Of("foxglove.Quaternion");
const COLOUR: Kind = Kind::Of("foxglove.Color");
const POSE: Kind = Kind::Of("foxglove.Pose");

/// Messages of the package `foxglove`.
const MESSAGES: &[(&str, Fields)] = &[
    ("Vector3", &[("x", 1, Kind::Double), ("y", 2, Kind::Double), ("z", 3, Kind::Double)]),
    ("Quaternion", &[("x", 1, Kind::Double), ("y", 2, Kind::Double), ("z", 3, Kind::Double), ("w", 4, Kind::Double)]),
    ("Pose", &[("position", 1, VECTOR), ("orientation", 2, QUATERNION)]),
    ("Color", &[("r", 1, Kind::Double), ("g", 2, Kind::Double), ("b", 3, Kind::Double), ("a", 4, Kind::Double)]),
    ("Point2", &[("x", 1, Kind::Double), ("y", 2, Kind::Double)]),
    ("KeyValuePair", &[("key", 1, Kind::Text), ("value", 2, Kind::Text)]),
    ("CompressedImage", &[("timestamp", 1, TIME), ("frame_id", 4, Kind::Text), ("data", 2, Kind::Bytes), ("format", 3, Kind::Text)]),
    (
        "RawImage",
        &[
            ("timestamp", 1, TIME),
            ("frame_id", 7, Kind::Text),
            ("width", 2, Kind::Fixed32),
            ("height", 3, Kind::Fixed32),
            ("encoding", 4, Kind::Text),
            ("step", 5, Kind::Fixed32),
            ("data", 6, Kind::Bytes),
        ],
    ),
    (
        "CameraCalibration",
        &[
            ("timestamp", 1, TIME),
            ("frame_id", 9, Kind::Text),
            ("width", 2, Kind::Fixed32),
            ("height", 3, Kind::Fixed32),
            ("distortion_model", 4, Kind::Text),
            ("D", 5, Kind::Doubles),
            ("K", 6, Kind::Doubles),
            ("R", 7, Kind::Doubles),
            ("P", 8, Kind::Doubles),
        ],
    ),
    (
        "PointsAnnotation",
        &[
            ("timestamp", 1, TIME),
            ("type", 2, Kind::One("foxglove.PointsAnnotation.Type")),
            ("points", 3, Kind::Many("foxglove.Point2")),
            ("outline_color", 4, COLOUR),
            ("thickness", 7, Kind::Double),
        ],
    ),
    (
        "TextAnnotation",
        &[
            ("timestamp", 1, TIME),
            ("position", 2, Kind::Of("foxglove.Point2")),
            ("text", 3, Kind::Text),
            ("font_size", 4, Kind::Double),
            ("text_color", 5, COLOUR),
            ("background_color", 6, COLOUR),
        ],
    ),
    (
        "ImageAnnotations",
        &[
            ("points", 2, Kind::Many("foxglove.PointsAnnotation")),
            ("texts", 3, Kind::Many("foxglove.TextAnnotation")),
            ("timestamp", 5, TIME),
        ],
    ),
    (
        "FrameTransform",
        &[
            ("timestamp", 1, TIME),
            ("parent_frame_id", 2, Kind::Text),
            ("child_frame_id", 3, Kind::Text),
            ("translation", 4, VECTOR),
            ("rotation", 5, QUATERNION),
        ],
    ),
    ("FrameTransforms", &[("transforms", 1, Kind::Many("foxglove.FrameTransform"))]),
    ("CubePrimitive", &[("pose", 1, POSE), ("size", 2, VECTOR), ("color", 3, COLOUR)]),
    (
        "CylinderPrimitive",
        &[("pose", 1, POSE), ("size", 2, VECTOR), ("bottom_scale", 3, Kind::Double), ("top_scale", 4, Kind::Double), ("color", 5, COLOUR)],
    ),
    (
        "SceneEntity",
        &[
            ("timestamp", 1, TIME),
            ("frame_id", 2, Kind::Text),
            ("id", 3, Kind::Text),
            ("frame_locked", 5, Kind::Bool),
            ("metadata", 6, Kind::Many("foxglove.KeyValuePair")),
            ("cubes", 8, Kind::Many("foxglove.CubePrimitive")),
            ("cylinders", 10, Kind::Many("foxglove.CylinderPrimitive")),
        ],
    ),
    ("SceneUpdate", &[("entities", 2, Kind::Many("foxglove.SceneEntity"))]),
    ("Log", &[("timestamp", 1, TIME), ("level", 2, Kind::One("foxglove.Log.Level")), ("message", 3, Kind::Text), ("name", 4, Kind::Text)]),
];

/// The descriptors of all messages here, as a `FileDescriptorSet`.
pub fn descriptors() -> Vec<u8> {
    let file = |name: &str, package: &str| Message::new().text(1, name).text(2, package);
    let stamp: Fields = &[("seconds", 1, Kind::Int64), ("nanos", 2, Kind::Int32)];
    let time = file("google/protobuf/timestamp.proto", "google.protobuf").message(4, &descriptor("Timestamp", stamp)).text(12, "proto3");
    let foxglove = file("foxglove.proto", "foxglove")
        .text(3, "google/protobuf/timestamp.proto")
        .messages(4, MESSAGES.iter().map(|(name, fields)| descriptor(name, fields)))
        .text(12, "proto3");
    Message::new().messages(1, [time, foxglove]).0
}

fn descriptor(name: &str, fields: Fields) -> Message {
    let (optional, repeated) = (1, 3);
    let field = |(name, number, kind): &(&str, u32, Kind)| {
        let (label, kind, of) = match kind {
            Kind::Double => (optional, 1, None),
            Kind::Int64 => (optional, 3, None),
            Kind::Int32 => (optional, 5, None),
            Kind::Fixed32 => (optional, 7, None),
            Kind::Bool => (optional, 8, None),
            Kind::Text => (optional, 9, None),
            Kind::Bytes => (optional, 12, None),
            Kind::Of(message) => (optional, 11, Some(message)),
            Kind::One(of) => (optional, 14, Some(of)),
            Kind::Doubles => (repeated, 1, None),
            Kind::Many(message) => (repeated, 11, Some(message)),
        };
        let field = Message::new().text(1, name).int(3, u64::from(*number)).int(4, label).int(5, kind);
        match of {
            Some(of) => field.text(6, &format!(".{of}")),
            None => field,
        }
    };
    let enums = ENUMS.iter().filter(|(of, ..)| *of == name).map(|(_, name, values)| {
        let values = values.iter().map(|(name, number)| Message::new().text(1, name).int(2, *number));
        Message::new().text(1, name).messages(2, values)
    });
    Message::new().text(1, name).messages(2, fields.iter().map(field)).messages(4, enums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_format_is_that_of_the_guide() {
        // The guide's own examples: field 1 = 150, and field 2 = "testing".
        assert_eq!(Message::new().int(1, 150).bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").bytes(), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        // Its embedded message: field 3 = { field 1 = 150 }.
        assert_eq!(Message::new().message(3, &Message::new().int(1, 150)).bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::new().double(1, 1.0).fixed32(2, 7).bytes(), [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x15, 7, 0, 0, 0]);
        assert_eq!(Message::new().int(1, 0).text(2, "").double(3, 0.0).bytes(), [0u8; 0], "defaults are left out");
    }
}
