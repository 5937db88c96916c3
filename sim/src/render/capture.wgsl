// Linear radiance of flat surfaces. The Rust side of every formula: shading.rs (light), bars.rs (symbols), token.rs (tokens).

struct Lamp {
    position: vec3<f32>,
    // intensity × share × (distance to the target)²
    power: f32,
    axis: vec3<f32>,
    half_angle: f32,
}

struct View {
    eye: vec3<f32>,
    token: u32,
    // width of the sensor, rows of the whole target, first row of tokens
    width: u32,
    rows: u32,
    first_token_row: u32,
    lamp_count: u32,
    lamps: array<Lamp, 16>,
}

// What a surface is, and the homography from pixels to its (u, v), metres.
struct Surface {
    row_u: vec4<f32>, // w: x of the pixel that counts as origin
    row_v: vec4<f32>, // w: y of that pixel
    row_w: vec4<f32>, // w: diffuse reflectance
    light: vec4<f32>, // texture coordinate of the light = uv · xy + zw
    origin: vec4<f32>, // w: gloss
    right: vec4<f32>, // w: 1 / extent along u
    down: vec4<f32>, // w: 1 / extent along v
    texels: vec4<f32>, // texels of the print per metre along u and v
    ids: vec4<u32>, // first symbol, number of symbols, lamps that can glare, index
}

struct Symbol {
    frame: vec4<f32>, // origin u, v; unit vector along u, v
    scale: vec4<f32>, // unit vector down u, v; 1 / x-dimension; height in modules
    look: vec4<f32>, // modules along, ink, mean darkness
    table: vec4<u32>, // start in its table, 0 linear or 1 matrix
}

@group(0) @binding(0) var<uniform> view: View;
@group(0) @binding(1) var light_map: texture_2d<f32>;
@group(0) @binding(2) var lamp_shares: texture_2d_array<f32>;
@group(0) @binding(3) var smooth_sampler: sampler;
@group(0) @binding(4) var<storage, read> symbols: array<Symbol>;
@group(0) @binding(5) var<storage, read> bars: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> dark_area: array<f32>;
@group(1) @binding(0) var<uniform> surface: Surface;
@group(1) @binding(1) var print: texture_2d<f32>;

const PI: f32 = 3.14159265;
const VARNISH_SIGMA: f32 = 0.05;
const BEAM_CORE: f32 = 0.7;

@vertex
fn place(@location(0) clip: vec4<f32>) -> @builtin(position) vec4<f32> {
    return clip;
}

struct Footprint {
    uv: vec2<f32>,
    // change of uv per pixel to the right and down
    dx: vec2<f32>,
    dy: vec2<f32>,
}

fn footprint(position: vec2<f32>) -> Footprint {
    let p = vec3<f32>(position - vec2<f32>(0.5) - vec2<f32>(surface.row_u.w, surface.row_v.w), 1.0);
    let inv = 1.0 / dot(surface.row_w.xyz, p);
    var f: Footprint;
    f.uv = vec2<f32>(dot(surface.row_u.xyz, p), dot(surface.row_v.xyz, p)) * inv;
    f.dx = (vec2<f32>(surface.row_u.x, surface.row_v.x) - f.uv * surface.row_w.x) * inv;
    f.dy = (vec2<f32>(surface.row_u.y, surface.row_v.y) - f.uv * surface.row_w.y) * inv;
    return f;
}

// Second antiderivative of (darkness − mean) of a bar pattern at x modules.
fn second(x: f32, base: u32, modules: f32) -> f32 {
    let cell = clamp(floor(x), -1.0, modules);
    let e = bars[base + u32(cell + 1.0)];
    let t = x - e.x;
    return e.y + t * (e.z + 0.5 * t * e.w);
}

// Second antiderivative of the unit step.
fn ramp(x: f32) -> f32 {
    let p = max(x, 0.0);
    return 0.5 * p * p;
}

// The unit step at 0 under a trapezoid of half widths a ≥ b.
fn soft_step(x: f32, a: f32, b: f32) -> f32 {
    if x >= a + b {
        return 1.0;
    }
    if x <= -a - b {
        return 0.0;
    }
    return (ramp(x + a + b) - ramp(x + a - b) - ramp(x - a + b) + ramp(x - a - b)) / (4.0 * a * b);
}

// Dark area of a matrix symbol left of and above a point, square modules.
fn dark_until(at: vec2<f32>, base: u32, side: f32) -> f32 {
    let p = clamp(at, vec2<f32>(0.0), vec2<f32>(side));
    let cell = min(floor(p), vec2<f32>(side - 1.0));
    let f = p - cell;
    let stride = u32(side) + 1u;
    let i = base + u32(cell.y) * stride + u32(cell.x);
    let top = mix(dark_area[i], dark_area[i + 1u], f.x);
    let bottom = mix(dark_area[i + stride], dark_area[i + stride + 1u], f.x);
    return mix(top, bottom, f.y);
}

fn matrix_darkness(at: vec2<f32>, dx: vec2<f32>, dy: vec2<f32>, base: u32, side: f32) -> f32 {
    // The pixel in 4 × 4 pieces, each as the axis-parallel box of the same second moments.
    let half_box = max(sqrt(dx * dx + dy * dy) / 8.0, vec2<f32>(0.005));
    let area = 4.0 * half_box.x * half_box.y;
    var sum = 0.0;
    for (var i = 0u; i < 16u; i++) {
        let c = at + dx * ((f32(i % 4u) - 1.5) / 4.0) + dy * ((f32(i / 4u) - 1.5) / 4.0);
        let low = c - half_box;
        let high = c + half_box;
        sum += dark_until(high, base, side) - dark_until(vec2<f32>(low.x, high.y), base, side)
            - dark_until(vec2<f32>(high.x, low.y), base, side) + dark_until(low, base, side);
    }
    return sum / (16.0 * area);
}

// Share of the pixel's footprint that a symbol's dark modules cover.
fn darkness(symbol: Symbol, f: Footprint) -> f32 {
    let from_origin = f.uv - symbol.frame.xy;
    let to_modules = mat2x2<f32>(symbol.frame.zw, symbol.scale.xy);
    // (along, down) in modules
    let at = (from_origin * to_modules) * symbol.scale.z;
    let dx = (f.dx * to_modules) * symbol.scale.z;
    let dy = (f.dy * to_modules) * symbol.scale.z;
    let reach = 0.5 * (abs(dx) + abs(dy));
    let size = vec2<f32>(symbol.look.x, symbol.scale.w);
    if any(at + reach <= vec2<f32>(0.0)) || any(at - reach >= size) {
        return 0.0;
    }
    if symbol.table.y == 1u {
        return matrix_darkness(at, dx, dy, symbol.table.x, size.x);
    }
    // A pixel seen along one axis is a trapezoid of half widths a ≥ b.
    let a = max(max(abs(dx), abs(dy)) * 0.5, vec2<f32>(0.02));
    let b = max(min(abs(dx), abs(dy)) * 0.5, vec2<f32>(0.02));
    let base = symbol.table.x;
    let sum = second(at.x + a.x + b.x, base, size.x) - second(at.x + a.x - b.x, base, size.x)
        - second(at.x - a.x + b.x, base, size.x) + second(at.x - a.x - b.x, base, size.x);
    let along = symbol.look.z + sum / (4.0 * a.x * b.x);
    let down = soft_step(at.y, a.y, b.y) - soft_step(at.y - size.y, a.y, b.y);
    return clamp(along * down, 0.0, 1.0);
}

fn printed_albedo(f: Footprint) -> f32 {
    let du = f.dx * surface.texels.xy;
    let dv = f.dy * surface.texels.xy;
    // Side of the square of the footprint's area, in texels.
    let area = abs(du.x * dv.y - du.y * dv.x);
    let level = 0.5 * log2(max(area, 1e-6));
    let at = f.uv * vec2<f32>(surface.right.w, surface.down.w);
    var albedo = textureSampleLevel(print, smooth_sampler, at, max(level, 0.0)).r;
    for (var i = 0u; i < surface.ids.y; i++) {
        let symbol = symbols[surface.ids.x + i];
        albedo = mix(albedo, symbol.look.y, darkness(symbol, f));
    }
    return albedo;
}

fn glare(uv: vec2<f32>, light_at: vec2<f32>) -> f32 {
    let point = surface.origin.xyz + surface.right.xyz * uv.x + surface.down.xyz * uv.y;
    let normal = cross(surface.down.xyz, surface.right.xyz);
    let gloss = surface.origin.w;
    let to_eye = normalize(view.eye - point);
    let cos_eye = dot(normal, to_eye);
    var sum = 0.0;
    for (var i = 0u; i < view.lamp_count; i++) {
        if (surface.ids.z & (1u << i)) == 0u {
            continue;
        }
        let lamp = view.lamps[i];
        let ray = lamp.position - point;
        let distance = dot(ray, ray);
        let to_lamp = ray * inverseSqrt(distance);
        if dot(normal, to_lamp) <= 0.0 {
            continue;
        }
        let half_vector = normalize(to_lamp + to_eye);
        // The angle from its sine, which keeps its digits near zero.
        let delta = asin(min(length(cross(normal, half_vector)), 1.0));
        let fresnel = gloss + (1.0 - gloss) * pow(1.0 - clamp(dot(half_vector, to_eye), 0.0, 1.0), 5.0);
        let variance = VARNISH_SIGMA * VARNISH_SIGMA;
        let lobe = exp(-delta * delta / (2.0 * variance)) / (2.0 * PI * variance);
        let off_axis = acos(clamp(-dot(lamp.axis, to_lamp), -1.0, 1.0));
        let t = clamp((lamp.half_angle - off_axis) / (lamp.half_angle * (1.0 - BEAM_CORE)), 0.0, 1.0);
        let facing = lamp.power / distance * t * t * (3.0 - 2.0 * t);
        let share = textureSampleLevel(lamp_shares, smooth_sampler, light_at, i32(i / 4u), 0.0)[i % 4u];
        sum += share * fresnel * lobe * PI * facing / (4.0 * max(cos_eye, 0.05));
    }
    return sum;
}

fn radiance(f: Footprint, albedo: f32) -> f32 {
    let light_at = f.uv * surface.light.xy + surface.light.zw;
    var sum = albedo * textureSampleLevel(light_map, smooth_sampler, light_at, 0.0).r;
    if surface.ids.z != 0u {
        sum += glare(f.uv, light_at);
    }
    return sum;
}

@fragment
fn plain(@builtin(position) position: vec4<f32>) -> @location(0) f32 {
    let f = footprint(position.xy);
    return radiance(f, surface.row_w.w);
}

@fragment
fn printed(@builtin(position) position: vec4<f32>) -> @location(0) f32 {
    let f = footprint(position.xy);
    return radiance(f, printed_albedo(f));
}

// The pixel of a surface's token, as two triangles.
@vertex
fn place_token(@builtin(vertex_index) vertex: u32) -> @builtin(position) vec4<f32> {
    let index = surface.ids.w;
    let corner = vec2<u32>(u32(vertex == 1u || vertex == 2u || vertex == 4u), u32(vertex == 2u || vertex == 4u || vertex == 5u));
    let pixel = vec2<u32>(index % view.width, view.first_token_row + index / view.width) + corner;
    let at = vec2<f32>(pixel) / vec2<f32>(f32(view.width), f32(view.rows));
    return vec4<f32>(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y, 0.5, 1.0);
}

fn stir(state: u32, word: u32) -> u32 {
    var h = (state ^ word) * 0x9E3779B1u;
    h ^= h >> 15u;
    h *= 0x85EBCA77u;
    return h ^ (h >> 13u);
}

// What only a frame of this request, with this surface's data, this print and this light in place can show.
@fragment
fn token() -> @location(0) f32 {
    let light_stamp = u32(textureLoad(light_map, vec2<i32>(0), 0).r);
    let print_sample = u32(round(textureLoad(print, vec2<i32>(0), 0).r * 255.0));
    let scene_stamp = u32(bars[0].x);
    let mixed = stir(stir(stir(stir(view.token, surface.ids.w), light_stamp), print_sample), scene_stamp);
    return f32(mixed >> 8u);
}
