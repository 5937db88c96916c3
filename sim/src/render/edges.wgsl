// Pixels that edges cross, mixed from both sides. The Rust side: edges.rs.

@group(0) @binding(0) var picture: texture_2d<f32>;

struct Edge {
    @builtin(position) clip: vec4<f32>,
    // A point of it, px; its slope; 1 where it is steep, whose slope is that of x over y.
    @location(0) @interpolate(flat) line: vec4<f32>,
}

@vertex
fn place_edge(@location(0) clip: vec4<f32>, @location(1) line: vec4<f32>) -> Edge {
    return Edge(clip, line);
}

@fragment
fn soften(edge: Edge) -> @location(0) f32 {
    let pixel = floor(edge.clip.xy);
    let steep = edge.line.w > 0.5;
    let offset = pixel - edge.line.xy;
    // How far beyond the pixel's centre the edge lies, along the axis that it doesn't follow.
    let beyond = select(edge.line.z * offset.x - offset.y, edge.line.z * offset.y - offset.x, steep);
    let ahead = select(-1.0, 1.0, beyond >= 0.0);
    let across = select(vec2<f32>(0.0, ahead), vec2<f32>(ahead, 0.0), steep);
    let most = vec2<f32>(textureDimensions(picture)) - 1.0;
    let here = textureLoad(picture, vec2<i32>(pixel), 0).r;
    let there = textureLoad(picture, vec2<i32>(clamp(pixel + across, vec2<f32>(0.0), most)), 0).r;
    return mix(here, there, clamp(0.5 - abs(beyond), 0.0, 0.5));
}
