// Linear radiance of flat surfaces. The Rust side of every formula: shading.rs (light), bars.rs (symbols), token.rs (tokens).

struct Lamp {
    position: vec3<f32>,
    // intensity × share × (distance to the target)²
    power: f32,
}

struct View {
    eye: vec3<f32>,
    token: u32,
    // width of the sensor, rows of the whole target, first row of tokens
    width: u32,
    rows: u32,
    first_token_row: u32,
    lamp_count: u32,
    lamps: array<Lamp, 64>,
    // A line of sight, 1 long along the optical axis, is right · x + down · y + forward. w: thickness of the glass plate, its index squared, the eye's true height.
    right: vec4<f32>,
    down: vec4<f32>,
    forward: vec4<f32>,
}

// What a surface is, and the homography from pixels to its (u, v), metres.
struct Surface {
    row_u: vec4<f32>, // w: x of the pixel that counts as origin
    row_v: vec4<f32>, // w: y of that pixel
    row_w: vec4<f32>, // w: diffuse reflectance
    light: vec4<f32>, // texture coordinate of the light = uv · xy + zw
    origin: vec4<f32>, // w: gloss
    right: vec4<f32>, // w: 1 / extent of the print's texture along u
    down: vec4<f32>, // w: 1 / extent along v
    texels: vec4<f32>, // texels of the print per metre along u and v; 1 / radius and the middle u of a strip of something round, 0 for flat ones
    ids: vec4<u32>, // number of lamps that can glare, bits of the share of scattered light that leaves the varnish where u = v = 0, 0, index
    glares: vec4<u32>, // their indices in eight bits each
    lean: vec4<f32>, // what the normal of a facet of something smooth has beyond that of its plane, in its middle; w: the middle v
    turn_u: vec4<f32>, // how that normal changes per metre along u; all 0 for what is flat or a strip; w: how the light that leaves changes along u
    turn_v: vec4<f32>, // the same along v
    creases: array<vec4<f32>, 2>, // wrinkles of a film: wave number along u and v, phase, greatest slope
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

const VARNISH_SIGMA: f32 = 0.05;

// Software rasterisers of the day (llvmpipe up to Mesa 22 at least) never skip a branch: all lanes walk through both sides under a mask. So what a
// surface doesn't need is not in its pipeline at all, instead of behind an `if`: hence one entry point for each kind of surface, with and without glare.

struct Corner {
    @builtin(position) clip: vec4<f32>,
    // Which symbol a symbol's quad shows: its instance number.
    @location(0) @interpolate(flat) symbol: u32,
    // How many lamps can glare. It comes this way because lavapipe compiles a shader anew for each value of a uniform that ends a loop: most of the time of
    // a new load went into that.
    @location(1) @interpolate(flat) glaring: u32,
}

@vertex
fn place(@location(0) clip: vec4<f32>, @builtin(instance_index) instance: u32) -> Corner {
    return Corner(clip, instance, surface.ids.x);
}

#ifdef BENT
// (1 / cell, columns), then by node how far its undistorted place lies from it, px.
@group(2) @binding(0) var<storage, read> bend: array<vec2<f32>>;
#endif

struct Footprint {
    uv: vec2<f32>,
    // change of uv per pixel to the right and down
    dx: vec2<f32>,
    dy: vec2<f32>,
}

fn footprint(position: vec2<f32>) -> Footprint {
#ifdef BENT
    let pixel = position - vec2<f32>(0.5);
    let at = pixel * bend[0].x;
    let cell = floor(at);
    let t = at - cell;
    let columns = u32(bend[0].y);
    let first = 1u + u32(cell.y) * columns + u32(cell.x);
    let top_left = bend[first];
    let top_right = bend[first + 1u];
    let bottom_left = bend[first + columns];
    let bottom_right = bend[first + columns + 1u];
    let top = mix(top_left, top_right, t.x);
    let bottom = mix(bottom_left, bottom_right, t.x);
    // Where an undistorted picture shows this, and how that moves per pixel to the right and down.
    let right = vec2<f32>(1.0, 0.0) + mix(top_right - top_left, bottom_right - bottom_left, t.y) * bend[0].x;
    let below = vec2<f32>(0.0, 1.0) + (bottom - top) * bend[0].x;
#ifdef GLASS
    // Where the line of sight, whose eye the glass raises by as much as its slope asks for, meets the surface.
    let straight = pixel + mix(top, bottom, t.y);
    let ray = view.right.xyz * straight.x + view.down.xyz * straight.y + view.forward.xyz;
    let index_sq = view.down.w;
    let slope_sq = dot(ray.xy, ray.xy) / (ray.z * ray.z);
    let raise = view.right.w * (1.0 - inverseSqrt(index_sq + (index_sq - 1.0) * slope_sq));
    let eye = vec3<f32>(view.eye.xy, view.forward.w + raise);
    let normal = cross(surface.down.xyz, surface.right.xyz);
    let across = 1.0 / dot(normal, ray);
    let way = dot(normal, surface.origin.xyz - eye) * across;
    let at_surface = eye + ray * way - surface.origin.xyz;
    let step_x = way * (view.right.xyz - ray * (dot(normal, view.right.xyz) * across));
    let step_y = way * (view.down.xyz - ray * (dot(normal, view.down.xyz) * across));
    let dx_straight = vec2<f32>(dot(step_x, surface.right.xyz), dot(step_x, surface.down.xyz));
    let dy_straight = vec2<f32>(dot(step_y, surface.right.xyz), dot(step_y, surface.down.xyz));
    var g: Footprint;
    g.uv = vec2<f32>(dot(at_surface, surface.right.xyz), dot(at_surface, surface.down.xyz));
    g.dx = dx_straight * right.x + dy_straight * right.y;
    g.dy = dx_straight * below.x + dy_straight * below.y;
    return g;
#else
    let p = vec3<f32>((pixel - vec2<f32>(surface.row_u.w, surface.row_v.w)) + mix(top, bottom, t.y), 1.0);
#endif
#else
    let p = vec3<f32>(position - vec2<f32>(0.5) - vec2<f32>(surface.row_u.w, surface.row_v.w), 1.0);
#endif
#ifndef GLASS
    let inv = 1.0 / dot(surface.row_w.xyz, p);
    var f: Footprint;
    f.uv = vec2<f32>(dot(surface.row_u.xyz, p), dot(surface.row_v.xyz, p)) * inv;
    f.dx = (vec2<f32>(surface.row_u.x, surface.row_v.x) - f.uv * surface.row_w.x) * inv;
    f.dy = (vec2<f32>(surface.row_u.y, surface.row_v.y) - f.uv * surface.row_w.y) * inv;
#ifdef BENT
    let dx = f.dx * right.x + f.dy * right.y;
    f.dy = f.dx * below.x + f.dy * below.y;
    f.dx = dx;
#endif
    return f;
#endif
}

// Second antiderivative of (darkness − mean) of a bar pattern, `x` modules from the entry `near`, less its tangent there. A trapezoid's four values of it
// cancel any tangent; without it, and counted from nearby, the numbers stay small and 32 bits exact enough.
fn second(x: f32, near: vec4<f32>, base: u32, modules: f32) -> f32 {
    let cell = clamp(floor(x) + near.x, -1.0, modules);
    let e = bars[base + u32(cell + 1.0)];
    let t = x - (e.x - near.x);
    return (e.y - near.y) + t * (e.z + 0.5 * t * e.w) - near.z * x;
}

// Second antiderivative of the unit step.
fn ramp(x: f32) -> f32 {
    let p = max(x, 0.0);
    return 0.5 * p * p;
}

// The unit step at 0 under a trapezoid of half widths a ≥ b.
fn soft_step(position: f32, a: f32, b: f32) -> f32 {
    let x = clamp(position, -a - b, a + b);
    return (ramp(x + a + b) - ramp(x + a - b) - ramp(x - a + b)) / (4.0 * a * b);
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

// A pixel's footprint in a symbol's own coordinates, (along, down) in modules.
fn in_modules(symbol: Symbol, f: Footprint) -> Footprint {
    let axes = mat2x2<f32>(symbol.frame.zw, symbol.scale.xy);
    let scale = symbol.scale.z;
    return Footprint(((f.uv - symbol.frame.xy) * axes) * scale, (f.dx * axes) * scale, (f.dy * axes) * scale);
}

// Share of the pixel's footprint that a linear symbol's dark modules cover.
fn linear_darkness(symbol: Symbol, f: Footprint) -> f32 {
    let m = in_modules(symbol, f);
    // A pixel seen along one axis is a trapezoid of half widths a ≥ b.
    let a = max(max(abs(m.dx), abs(m.dy)) * 0.5, vec2<f32>(0.02));
    let b = max(min(abs(m.dx), abs(m.dy)) * 0.5, vec2<f32>(0.005));
    let base = symbol.table.x;
    let modules = symbol.look.x;
    let near = bars[base + u32(clamp(floor(m.uv.x), -1.0, modules) + 1.0)];
    let x = m.uv.x - near.x;
    let sum = second(x + a.x + b.x, near, base, modules) - second(x + a.x - b.x, near, base, modules)
        - second(x - a.x + b.x, near, base, modules) + second(x - a.x - b.x, near, base, modules);
    let along = symbol.look.z + sum / (4.0 * a.x * b.x);
    let down = soft_step(m.uv.y, a.y, b.y) - soft_step(m.uv.y - symbol.scale.w, a.y, b.y);
    return clamp(along * down, 0.0, 1.0);
}

// Reflectance of what lies below the symbols, and the share of a symbol's ink that is missing: the mean of four samples, one for each quarter of the pixel's
// footprint. A single one would be blurred by its interpolation, and at a slant across the direction in which the footprint is long.
fn print_sample(f: Footprint) -> vec2<f32> {
    let du = f.dx * surface.texels.xy;
    let dv = f.dy * surface.texels.xy;
    // Side of the square of a quarter's area, in texels.
    let area = 0.25 * abs(du.x * dv.y - du.y * dv.x);
    let level = 0.5 * log2(max(area, 1.0));
    let to_texture = vec2<f32>(surface.right.w, surface.down.w);
    let at = f.uv * to_texture;
    let a = 0.25 * (f.dx + f.dy) * to_texture;
    let b = 0.25 * (f.dx - f.dy) * to_texture;
    let sum = textureSampleLevel(print, smooth_sampler, at + a, level).rg + textureSampleLevel(print, smooth_sampler, at - a, level).rg
        + textureSampleLevel(print, smooth_sampler, at + b, level).rg + textureSampleLevel(print, smooth_sampler, at - b, level).rg;
    return 0.25 * sum;
}

fn print_albedo(f: Footprint) -> f32 {
    return print_sample(f).r;
}

fn linear_albedo(f: Footprint, index: u32) -> f32 {
    let symbol = symbols[index];
    let below = print_sample(f);
    return mix(below.r, symbol.look.y, linear_darkness(symbol, f) * (1.0 - below.g));
}

fn matrix_albedo(f: Footprint, index: u32) -> f32 {
    let symbol = symbols[index];
    let m = in_modules(symbol, f);
    let below = print_sample(f);
    let dark = matrix_darkness(m.uv, m.dx, m.dy, symbol.table.x, symbol.look.x);
    return mix(below.r, symbol.look.y, dark * (1.0 - below.g));
}

fn diffuse(f: Footprint, albedo: f32) -> f32 {
    let leaves = max(bitcast<f32>(surface.ids.y) + surface.turn_u.w * f.uv.x + surface.turn_v.w * f.uv.y, 0.0);
    // What arrives there, and what varnish mirrors of what stands around.
    let light = textureSampleLevel(light_map, smooth_sampler, f.uv * surface.light.xy + surface.light.zw, 0.0).rg;
    return albedo * leaves * light.x + light.y;
}

fn glare(f: Footprint, glaring: u32) -> f32 {
    return mirrored(f, glaring, smooth_normal(f));
}

// Of a film with wrinkles. The Rust side: `Wrinkles` in spec.rs.
fn wrinkled_glare(f: Footprint, glaring: u32) -> f32 {
    let first = surface.creases[0];
    let second = surface.creases[1];
    let a = dot(first.xy, f.uv);
    let b = dot(second.xy, f.uv);
    let ridge_a = sin(a + first.z + 1.7 * sin(0.4 * b + second.z));
    let ridge_b = sin(b + second.z + 1.7 * sin(0.4 * a + first.z));
    let lean = normalize(first.xy) * (first.w * ridge_a * ridge_a * ridge_a) + normalize(second.xy) * (second.w * ridge_b * ridge_b * ridge_b);
    let normal = smooth_normal(f) + surface.right.xyz * lean.x + surface.down.xyz * lean.y;
    return mirrored(f, glaring, normalize(normal));
}

fn smooth_normal(f: Footprint) -> vec3<f32> {
    let from_middle = f.uv - vec2<f32>(surface.texels.w, surface.lean.w);
    let turned = surface.lean.xyz + surface.turn_u.xyz * from_middle.x + surface.turn_v.xyz * from_middle.y;
    return cross(surface.down.xyz, surface.right.xyz) + surface.right.xyz * (surface.texels.z * (f.uv.x - surface.texels.w)) + turned;
}

// Share of light that varnish of this index mirrors at an angle of this cosine.
fn fresnel(cosine: f32, index: f32) -> f32 {
    let within = sqrt(1.0 - (1.0 - cosine * cosine) / (index * index));
    let parallel = (index * cosine - within) / (index * cosine + within);
    let crossed = (cosine - index * within) / (cosine + index * within);
    return 0.5 * (parallel * parallel + crossed * crossed);
}

fn mirrored(f: Footprint, glaring: u32, normal: vec3<f32>) -> f32 {
    let point = surface.origin.xyz + surface.right.xyz * f.uv.x + surface.down.xyz * f.uv.y;
    let light_at = f.uv * surface.light.xy + surface.light.zw;
    let root = sqrt(min(surface.origin.w, 0.99));
    let index = (1.0 + root) / (1.0 - root);
    let to_eye = normalize(view.eye - point);
    let lobe_scale = -0.5 / (VARNISH_SIGMA * VARNISH_SIGMA);
    var sum = 0.0;
    for (var i = 0u; i < glaring; i++) {
        // Eight bits for each lamp that can glare here.
        let which = (surface.glares[i / 4u] >> (8u * (i % 4u))) & 255u;
        let lamp = view.lamps[which];
        let ray = lamp.position - point;
        let inv = inverseSqrt(dot(ray, ray));
        let to_lamp = ray * inv;
        let half_vector = normalize(to_lamp + to_eye);
        // The angle from its sine, which keeps its digits near zero; by its series, which is exact to 0.1 % where the lobe is not yet black.
        let sine_vector = cross(normal, half_vector);
        let sine_sq = dot(sine_vector, sine_vector);
        let delta_sq = sine_sq * (1.0 + sine_sq / 3.0);
        let share_mirrored = fresnel(clamp(dot(half_vector, to_eye), 0.0, 1.0), index);
        // Visible share of the lamp and its beam's edge, 0 where the surface faces away.
        let share = textureSampleLevel(lamp_shares, smooth_sampler, light_at, i32(which / 4u), 0.0)[which % 4u];
        sum += share * share_mirrored * lamp.power * inv * inv * exp(lobe_scale * delta_sq);
    }
    let cos_eye = max(dot(normal, to_eye), 0.05);
    // π / (2πσ² · 4 cos)
    return sum * (-lobe_scale) / (4.0 * cos_eye);
}

@fragment
fn plain(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, surface.row_w.w);
}

@fragment
fn printed(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, print_albedo(f));
}

@fragment
fn printed_glossy(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, print_albedo(f)) + glare(f, corner.glaring);
}

@fragment
fn printed_wrinkled(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, print_albedo(f)) + wrinkled_glare(f, corner.glaring);
}

@fragment
fn linear_code(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, linear_albedo(f, corner.symbol));
}

@fragment
fn linear_code_glossy(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, linear_albedo(f, corner.symbol)) + glare(f, corner.glaring);
}

@fragment
fn linear_code_wrinkled(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, linear_albedo(f, corner.symbol)) + wrinkled_glare(f, corner.glaring);
}

@fragment
fn matrix_code(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, matrix_albedo(f, corner.symbol));
}

@fragment
fn matrix_code_glossy(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, matrix_albedo(f, corner.symbol)) + glare(f, corner.glaring);
}

@fragment
fn matrix_code_wrinkled(corner: Corner) -> @location(0) f32 {
    let f = footprint(corner.clip.xy);
    return diffuse(f, matrix_albedo(f, corner.symbol)) + wrinkled_glare(f, corner.glaring);
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
