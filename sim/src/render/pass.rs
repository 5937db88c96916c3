//! The capture pass in Bevy's render world: one opaque pass into a float target, copied to a buffer that the caller maps.
//!
//! A second one softens the packages' edges in it. It stands beside Bevy's cameras rather than behind one: no tone mapping, no upscaling, no blit, and nothing that is drawn one frame late.

use std::sync::{Arc, Mutex};

use bevy::asset::Handle;
use bevy::prelude::{Res, ResMut, Resource};
use bevy::render::render_resource::{
    AddressMode, BindGroup, BindGroupEntry, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingResource, BindingType, Buffer,
    BufferBinding, BufferBindingType, BufferDescriptor, BufferInitDescriptor, BufferSize, BufferUsages, CachedRenderPipelineId,
    ColorTargetState, ColorWrites, CommandEncoderDescriptor, CompareFunction, DepthBiasState, DepthStencilState, Extent3d, FilterMode,
    FragmentState, LoadOp, MipmapFilterMode, Operations, Origin3d, PipelineCache, PrimitiveState, RenderPassColorAttachment,
    RenderPassDepthStencilAttachment, RenderPassDescriptor, RenderPipelineDescriptor, Sampler, SamplerBindingType, SamplerDescriptor,
    ShaderStages, StencilState, StoreOp, TexelCopyBufferInfo, TexelCopyBufferLayout, TexelCopyTextureInfo, Texture, TextureAspect,
    TextureDataOrder, TextureDescriptor, TextureDimension, TextureFormat, TextureSampleType, TextureUsages, TextureView,
    TextureViewDescriptor, TextureViewDimension, VertexAttribute, VertexFormat, VertexState, VertexStepMode,
};
use bevy::render::renderer::{RenderDevice, RenderQueue};
use bevy::shader::Shader;

use super::bars::{SymbolRecord, SymbolTables};
use super::edges::EDGE_STRIDE;
use super::light::ATLAS_WIDTH;
use super::print::PrintImage;
use super::shot::{Draw, Kind, Prepared, SURFACE_STRIDE, token_rows};

/// Radiance of what no surface covers.
const BACKGROUND: f32 = 0.02;

const COLOUR: TextureFormat = TextureFormat::R32Float;
const DEPTH: TextureFormat = TextureFormat::Depth32Float;

/// What the scene needs on the GPU, once.
#[derive(Debug, Clone)]
pub struct SceneData {
    /// What is printed, by tint.
    pub tints: Vec<TintData>,
    /// Tables of the symbols, with the scene's stamp.
    pub tables: SymbolTables,
    /// Print of each surface.
    pub surface_prints: Vec<Option<usize>>,
    /// Rows of the light atlas.
    pub light_rows: u32,
    /// Layers of the glare atlas.
    pub light_layers: u32,
}

/// What is printed, as one colour of light shows it.
#[derive(Debug, Clone)]
pub struct TintData {
    /// Prints with their mip levels.
    pub prints: Vec<PrintImage>,
    /// All symbols, in the order of the prints.
    pub symbols: Vec<SymbolRecord>,
}

/// Light of one state, for upload.
#[derive(Debug, Clone)]
pub struct LightData {
    /// Which state it is.
    pub stamp: u16,
    /// Which cast of rays the shares come from.
    pub cast: u64,
    /// By texel: radiance of a white surface, and of what varnish mirrors of its surroundings; halves.
    pub texels: Arc<[u8]>,
    /// Four lamps per layer.
    pub shares: Arc<[Vec<[u8; 4]>]>,
}

/// The shot that the next run of the render world takes.
#[derive(Resource, Debug, Clone, Default)]
pub struct NextShot(pub Option<ShotData>);

/// A shot, extracted.
#[derive(Debug, Clone)]
pub struct ShotData {
    /// Number of the request.
    pub request: u32,
    /// Size of the picture, px.
    pub size_px: [u32; 2],
    /// Geometry.
    pub prepared: Prepared,
    /// Light.
    pub light: LightData,
    /// The lens's table, where it distorts.
    pub bend: Option<Arc<[[f32; 2]]>>,
    /// Whether depths are wanted too.
    pub depth: bool,
    /// Which tint.
    pub tint: usize,
    /// Whether what no surface covers has the radiance of the surroundings; else it is black.
    pub backdrop: bool,
}

/// The picture's way out: where the pass leaves the buffer it copied into.
#[derive(Resource, Clone, Default)]
pub struct Delivery(pub Arc<Mutex<Option<Delivered>>>);

/// A copied target that waits to be mapped.
#[derive(Clone)]
pub struct Delivered {
    /// The buffer.
    pub buffer: Buffer,
    /// Bytes per row, padding included.
    pub stride: usize,
    /// Rows, tokens included.
    pub rows: u32,
    /// Depths in the same layout, where they were asked for.
    pub depth: Option<Buffer>,
}

/// Colour, depth and staging buffer of one picture size.
struct Target {
    size_px: [u32; 2],
    colour: Texture,
    colour_view: TextureView,
    /// The picture before its edges are softened.
    hard: Texture,
    hard_group: BindGroup,
    depth: Texture,
    depth_view: TextureView,
    depth_buffer: Option<Buffer>,
    delivered: Delivered,
}

/// Entry points of all pipelines; the token's is the last.
const FRAGMENTS: [&str; 11] = [
    "plain",
    "printed",
    "printed_glossy",
    "printed_wrinkled",
    "linear_code",
    "linear_code_glossy",
    "linear_code_wrinkled",
    "matrix_code",
    "matrix_code_glossy",
    "matrix_code_wrinkled",
    "token",
];

const FRAGMENT_COUNT: usize = FRAGMENTS.len();

/// Index into [`FRAGMENTS`].
fn pipeline_of(draw: &Draw) -> usize {
    let first = match draw.kind {
        Kind::Plain => return 0,
        Kind::Printed => 1,
        Kind::Linear => 4,
        Kind::Matrix => 7,
    };
    first + usize::from(draw.glossy) + usize::from(draw.glossy && draw.wrinkled)
}

/// Everything of the pass that lives on the GPU.
#[derive(Resource)]
pub struct CapturePass {
    pipelines: [CachedRenderPipelineId; FRAGMENT_COUNT],
    /// The same for lenses that distort, from the first such shot on, and for cameras that look through glass.
    bent_pipelines: [Option<[CachedRenderPipelineId; FRAGMENT_COUNT]>; 2],
    shader: Handle<Shader>,
    soften: CachedRenderPipelineId,
    edges: Option<Buffer>,
    bend: Option<(Buffer, BindGroup)>,
    /// By tint.
    view_groups: Vec<BindGroup>,
    /// By tint and surface.
    surface_groups: Vec<Vec<BindGroup>>,
    view: Buffer,
    surfaces: Buffer,
    light: Texture,
    shares: Texture,
    vertices: Option<Buffer>,
    light_stamp: u16,
    light_cast: Option<u64>,
    target: Option<Target>,
}

fn buffer_entry(binding: u32, ty: BufferBindingType, dynamic: bool, stages: ShaderStages) -> BindGroupLayoutEntry {
    let min = if dynamic { BufferSize::new(256) } else { None };
    let ty = BindingType::Buffer { ty, has_dynamic_offset: dynamic, min_binding_size: min };
    BindGroupLayoutEntry { binding, visibility: stages, ty, count: None }
}

fn texture_entry(binding: u32, dimension: TextureViewDimension) -> BindGroupLayoutEntry {
    let ty =
        BindingType::Texture { sample_type: TextureSampleType::Float { filterable: true }, view_dimension: dimension, multisampled: false };
    BindGroupLayoutEntry { binding, visibility: ShaderStages::FRAGMENT, ty, count: None }
}

fn view_layout() -> BindGroupLayoutDescriptor {
    let storage = BufferBindingType::Storage { read_only: true };
    BindGroupLayoutDescriptor::new(
        "capture view",
        &[
            buffer_entry(0, BufferBindingType::Uniform, false, ShaderStages::VERTEX_FRAGMENT),
            texture_entry(1, TextureViewDimension::D2),
            texture_entry(2, TextureViewDimension::D2Array),
            BindGroupLayoutEntry {
                binding: 3,
                visibility: ShaderStages::FRAGMENT,
                ty: BindingType::Sampler(SamplerBindingType::Filtering),
                count: None,
            },
            buffer_entry(4, storage, false, ShaderStages::FRAGMENT),
            buffer_entry(5, storage, false, ShaderStages::FRAGMENT),
            buffer_entry(6, storage, false, ShaderStages::FRAGMENT),
        ],
    )
}

fn surface_layout() -> BindGroupLayoutDescriptor {
    BindGroupLayoutDescriptor::new(
        "capture surface",
        &[buffer_entry(0, BufferBindingType::Uniform, true, ShaderStages::VERTEX_FRAGMENT), texture_entry(1, TextureViewDimension::D2)],
    )
}

fn bend_layout() -> BindGroupLayoutDescriptor {
    let storage = BufferBindingType::Storage { read_only: true };
    BindGroupLayoutDescriptor::new("capture bend", &[buffer_entry(0, storage, false, ShaderStages::FRAGMENT)])
}

fn edges_layout() -> BindGroupLayoutDescriptor {
    let ty = BindingType::Texture {
        sample_type: TextureSampleType::Float { filterable: false },
        view_dimension: TextureViewDimension::D2,
        multisampled: false,
    };
    let entry = BindGroupLayoutEntry { binding: 0, visibility: ShaderStages::FRAGMENT, ty, count: None };
    BindGroupLayoutDescriptor::new("edges", &[entry])
}

fn edges_pipeline(shader: &Handle<Shader>) -> RenderPipelineDescriptor {
    let vector = |at: u64| VertexAttribute { format: VertexFormat::Float32x4, offset: 16 * at, shader_location: at as u32 };
    let layout = bevy::mesh::VertexBufferLayout {
        array_stride: EDGE_STRIDE,
        step_mode: VertexStepMode::Vertex,
        attributes: vec![vector(0), vector(1)],
    };
    RenderPipelineDescriptor {
        label: Some("edges".into()),
        layout: vec![edges_layout()],
        vertex: VertexState {
            shader: shader.clone(),
            shader_defs: Vec::new(),
            entry_point: Some("place_edge".into()),
            buffers: vec![layout],
        },
        primitive: PrimitiveState::default(),
        depth_stencil: Some(DepthStencilState {
            format: DEPTH,
            depth_write_enabled: Some(false),
            depth_compare: Some(CompareFunction::Greater),
            stencil: StencilState::default(),
            bias: DepthBiasState::default(),
        }),
        fragment: Some(FragmentState {
            shader: shader.clone(),
            shader_defs: Vec::new(),
            entry_point: Some("soften".into()),
            targets: vec![Some(ColorTargetState { format: COLOUR, blend: None, write_mask: ColorWrites::ALL })],
        }),
        ..Default::default()
    }
}

/// `bent`: with a table of the lens; and whether through glass.
fn pipeline(shader: &Handle<Shader>, fragment: &'static str, bent: Option<bool>) -> RenderPipelineDescriptor {
    let tokens = fragment == "token";
    let shader_defs = match bent {
        None => Vec::new(),
        Some(false) => vec!["BENT".into()],
        Some(true) => vec!["BENT".into(), "GLASS".into()],
    };
    let vertex = if tokens { "place_token" } else { "place" };
    let layout = bevy::mesh::VertexBufferLayout {
        array_stride: 16,
        step_mode: VertexStepMode::Vertex,
        attributes: vec![VertexAttribute { format: VertexFormat::Float32x4, offset: 0, shader_location: 0 }],
    };
    RenderPipelineDescriptor {
        label: Some(fragment.into()),
        layout: if bent.is_some() { vec![view_layout(), surface_layout(), bend_layout()] } else { vec![view_layout(), surface_layout()] },
        vertex: VertexState {
            shader: shader.clone(),
            shader_defs: shader_defs.clone(),
            entry_point: Some(vertex.into()),
            buffers: if tokens { Vec::new() } else { vec![layout] },
        },
        primitive: PrimitiveState::default(),
        depth_stencil: Some(DepthStencilState {
            format: DEPTH,
            depth_write_enabled: Some(!tokens),
            depth_compare: Some(if tokens { CompareFunction::Always } else { CompareFunction::Greater }),
            stencil: StencilState::default(),
            bias: DepthBiasState::default(),
        }),
        fragment: Some(FragmentState {
            shader: shader.clone(),
            shader_defs,
            entry_point: Some(fragment.into()),
            targets: vec![Some(ColorTargetState { format: COLOUR, blend: None, write_mask: ColorWrites::ALL })],
        }),
        ..Default::default()
    }
}

fn extent(width: u32, height: u32, layers: u32) -> Extent3d {
    Extent3d { width, height, depth_or_array_layers: layers }
}

fn texture(device: &RenderDevice, label: &str, size: Extent3d, format: TextureFormat, usage: TextureUsages) -> Texture {
    device.create_texture(&TextureDescriptor {
        label: Some(label),
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

fn print_view(device: &RenderDevice, queue: &RenderQueue, image: &PrintImage) -> TextureView {
    let descriptor = TextureDescriptor {
        label: Some("print"),
        size: extent(image.size[0], image.size[1], 1),
        mip_level_count: image.levels,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: if image.channels == 2 { TextureFormat::Rg8Unorm } else { TextureFormat::R8Unorm },
        usage: TextureUsages::TEXTURE_BINDING,
        view_formats: &[],
    };
    let texture = device.create_texture_with_data(queue, &descriptor, TextureDataOrder::MipMajor, &image.texels);
    texture.create_view(&TextureViewDescriptor::default())
}

fn entry(binding: u32, resource: BindingResource<'_>) -> BindGroupEntry<'_> {
    BindGroupEntry { binding, resource }
}

impl CapturePass {
    /// Puts the scene on the GPU.
    pub fn new(
        device: &RenderDevice,
        queue: &RenderQueue,
        cache: &PipelineCache,
        [shader, edges_shader]: [&Handle<Shader>; 2],
        data: &SceneData,
    ) -> Self {
        let pipelines = FRAGMENTS.map(|fragment| cache.queue_render_pipeline(pipeline(shader, fragment, None)));
        let uniform = |label, size| {
            device.create_buffer(&BufferDescriptor {
                label: Some(label),
                size,
                usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        };
        let storage = |label, contents: &[u8]| {
            device.create_buffer_with_data(&BufferInitDescriptor { label: Some(label), contents, usage: BufferUsages::STORAGE })
        };
        let sampled = TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST;
        let light = texture(device, "light", extent(ATLAS_WIDTH, data.light_rows, 1), TextureFormat::Rg16Float, sampled);
        let layers = data.light_layers.max(1);
        let shares = texture(device, "lamp shares", extent(ATLAS_WIDTH, data.light_rows, layers), TextureFormat::Rgba8Unorm, sampled);
        let sampler: Sampler = device.create_sampler(&SamplerDescriptor {
            address_mode_u: AddressMode::ClampToEdge,
            address_mode_v: AddressMode::ClampToEdge,
            mag_filter: FilterMode::Linear,
            min_filter: FilterMode::Linear,
            mipmap_filter: MipmapFilterMode::Linear,
            ..Default::default()
        });
        let view = uniform("view", 32 + 16 * super::shot::MAX_LAMPS as u64 + 48);
        let surfaces = uniform("surfaces", (SURFACE_STRIDE * data.surface_prints.len().max(1)) as u64);
        let bars = storage("bars", &data.tables.bars.iter().flatten().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
        let areas = storage("dark areas", &data.tables.dark_area.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>());
        let light_view = light.create_view(&TextureViewDescriptor::default());
        let shares_view =
            shares.create_view(&TextureViewDescriptor { dimension: Some(TextureViewDimension::D2Array), ..Default::default() });
        let view_group = |tint: &TintData| {
            let mut records: Vec<u8> = tint.symbols.iter().flat_map(SymbolRecord::bytes).collect();
            records.resize(records.len().max(64), 0);
            let symbols = storage("symbols", &records);
            device.create_bind_group(
                "capture view",
                &cache.get_bind_group_layout(&view_layout()),
                &[
                    entry(0, view.as_entire_binding()),
                    entry(1, BindingResource::TextureView(&light_view)),
                    entry(2, BindingResource::TextureView(&shares_view)),
                    entry(3, BindingResource::Sampler(&sampler)),
                    entry(4, symbols.as_entire_binding()),
                    entry(5, bars.as_entire_binding()),
                    entry(6, areas.as_entire_binding()),
                ],
            )
        };
        let nothing = PrintImage::blank();
        let layout = cache.get_bind_group_layout(&surface_layout());
        let groups = |tint: &TintData| -> Vec<BindGroup> {
            let prints: Vec<TextureView> = tint.prints.iter().chain([&nothing]).map(|image| print_view(device, queue, image)).collect();
            let group = |print: &Option<usize>| {
                let part = BufferBinding { buffer: &surfaces, offset: 0, size: BufferSize::new(SURFACE_STRIDE as u64) };
                let view = &prints[print.unwrap_or(tint.prints.len())];
                device.create_bind_group(
                    "capture surface",
                    &layout,
                    &[entry(0, BindingResource::Buffer(part)), entry(1, BindingResource::TextureView(view))],
                )
            };
            data.surface_prints.iter().map(group).collect()
        };
        Self {
            pipelines,
            bent_pipelines: [None; 2],
            shader: shader.clone(),
            soften: cache.queue_render_pipeline(edges_pipeline(edges_shader)),
            edges: None,
            bend: None,
            view_groups: data.tints.iter().map(view_group).collect(),
            surface_groups: data.tints.iter().map(groups).collect(),
            view,
            surfaces,
            light,
            shares,
            vertices: None,
            light_stamp: 0,
            light_cast: None,
            target: None,
        }
    }

    fn upload(&mut self, device: &RenderDevice, queue: &RenderQueue, shot: &ShotData) {
        let mut view = shot.prepared.view.clone();
        view[12..16].copy_from_slice(&shot.request.to_le_bytes());
        queue.write_buffer(&self.view, 0, &view);
        queue.write_buffer(&self.surfaces, 0, &shot.prepared.surfaces);
        for (buffer, bytes) in [(&mut self.vertices, &shot.prepared.vertices), (&mut self.edges, &shot.prepared.edges)] {
            let size = bytes.len().max(EDGE_STRIDE as usize) as u64;
            if buffer.as_ref().is_none_or(|b| b.size() < size) {
                let usage = BufferUsages::VERTEX | BufferUsages::COPY_DST;
                *buffer = Some(device.create_buffer(&BufferDescriptor { label: Some("vertices"), size, usage, mapped_at_creation: false }));
            }
            if let Some(buffer) = buffer {
                queue.write_buffer(buffer, 0, bytes);
            }
        }
        let write = |texture: &Texture, layer: u32, bytes: &[u8], texel: u32| {
            let (width, height) = (texture.width(), texture.height());
            let to = TexelCopyTextureInfo { texture, mip_level: 0, origin: Origin3d { x: 0, y: 0, z: layer }, aspect: TextureAspect::All };
            let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * texel), rows_per_image: Some(height) };
            queue.write_texture(to, bytes, layout, extent(width, height, 1));
        };
        if self.light_stamp != shot.light.stamp {
            write(&self.light, 0, &shot.light.texels, 4);
            self.light_stamp = shot.light.stamp;
        }
        if self.light_cast != Some(shot.light.cast) {
            for (layer, shares) in shot.light.shares.iter().enumerate() {
                write(&self.shares, layer as u32, shares.as_flattened(), 4);
            }
            self.light_cast = Some(shot.light.cast);
        }
    }

    /// Puts a lens's table where its pipelines find it.
    fn upload_bend(&mut self, device: &RenderDevice, queue: &RenderQueue, cache: &PipelineCache, table: &[[f32; 2]], glass: bool) {
        let shader = &self.shader;
        let queue_all = || FRAGMENTS.map(|fragment| cache.queue_render_pipeline(pipeline(shader, fragment, Some(glass))));
        self.bent_pipelines[usize::from(glass)].get_or_insert_with(queue_all);
        let bytes: Vec<u8> = table.as_flattened().iter().flat_map(|x| x.to_le_bytes()).collect();
        if self.bend.as_ref().is_none_or(|(buffer, _)| buffer.size() < bytes.len() as u64) {
            let buffer = device.create_buffer(&BufferDescriptor {
                label: Some("bend"),
                size: bytes.len() as u64,
                usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let entry = BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() };
            let group = device.create_bind_group("capture bend", &cache.get_bind_group_layout(&bend_layout()), &[entry]);
            self.bend = Some((buffer, group));
        }
        if let Some((buffer, _)) = &self.bend {
            queue.write_buffer(buffer, 0, &bytes);
        }
    }

    /// A buffer for the depths beside the target's.
    fn make_depth_buffer(&mut self, device: &RenderDevice) {
        let Some(target) = &mut self.target else { return };
        let size = target.delivered.stride as u64 * u64::from(target.delivered.rows);
        target.depth_buffer.get_or_insert_with(|| {
            device.create_buffer(&BufferDescriptor {
                label: Some("depth copy"),
                size,
                usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        });
    }

    fn make_target(&mut self, device: &RenderDevice, cache: &PipelineCache, size_px: [u32; 2]) {
        if self.target.as_ref().is_some_and(|t| t.size_px == size_px) {
            return;
        }
        // The old one goes first: two sets of twelve megapixels need not stand side by side.
        self.target = None;
        let rows = size_px[1] + token_rows(size_px[0], self.surface_groups[0].len());
        let size = extent(size_px[0], rows, 1);
        let colour = texture(device, "radiance", size, COLOUR, TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_SRC);
        let hard = texture(
            device,
            "hard edges",
            extent(size_px[0], size_px[1], 1),
            COLOUR,
            TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST,
        );
        let hard_view = hard.create_view(&TextureViewDescriptor::default());
        let hard_group = device.create_bind_group(
            "edges",
            &cache.get_bind_group_layout(&edges_layout()),
            &[entry(0, BindingResource::TextureView(&hard_view))],
        );
        let depth = texture(device, "depth", size, DEPTH, TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_SRC);
        let stride = RenderDevice::align_copy_bytes_per_row(size_px[0] as usize * 4);
        let buffer = device.create_buffer(&BufferDescriptor {
            label: Some("radiance copy"),
            size: stride as u64 * u64::from(rows),
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        self.target = Some(Target {
            size_px,
            colour_view: colour.create_view(&TextureViewDescriptor::default()),
            depth_view: depth.create_view(&TextureViewDescriptor::default()),
            depth,
            depth_buffer: None,
            hard,
            hard_group,
            colour,
            delivered: Delivered { buffer, stride, rows, depth: None },
        });
    }
}

/// Takes the pending shot, if there is one. Without its pipelines it still copies the target, whose tokens then say that it is not the asked frame.
pub fn take_shot(
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
    cache: Res<PipelineCache>,
    delivery: Res<Delivery>,
    mut next: ResMut<NextShot>,
    mut pass: ResMut<CapturePass>,
) {
    let Some(shot) = next.0.take() else { return };
    pass.upload(&device, &queue, &shot);
    pass.make_target(&device, &cache, shot.size_px);
    if let Some(table) = &shot.bend {
        pass.upload_bend(&device, &queue, &cache, table, shot.prepared.through_glass);
    }
    if shot.depth {
        pass.make_depth_buffer(&device);
    }
    let (pass, Some(target)) = (&*pass, &pass.target) else { return };
    let groups = &pass.surface_groups[shot.tint];
    let backdrop = if shot.backdrop { BACKGROUND } else { 0.0 };
    let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("capture") });
    let bent = &pass.bent_pipelines[usize::from(shot.prepared.through_glass)];
    let pipelines = bent.as_ref().filter(|_| shot.bend.is_some()).unwrap_or(&pass.pipelines);
    let ready: Vec<_> = pipelines.iter().filter_map(|id| cache.get_render_pipeline(*id)).collect();
    let soften = cache.get_render_pipeline(pass.soften);
    if let (FRAGMENT_COUNT, Some(soften), Some(vertices), Some(edges)) = (ready.len(), soften, &pass.vertices, &pass.edges) {
        let mut draw = encoder.begin_render_pass(&RenderPassDescriptor {
            label: Some("capture"),
            color_attachments: &[Some(RenderPassColorAttachment {
                view: &target.colour_view,
                depth_slice: None,
                resolve_target: None,
                ops: Operations {
                    load: LoadOp::Clear(bevy::color::LinearRgba::rgb(backdrop, backdrop, backdrop).into()),
                    store: StoreOp::Store,
                },
            })],
            depth_stencil_attachment: Some(RenderPassDepthStencilAttachment {
                view: &target.depth_view,
                depth_ops: Some(Operations { load: LoadOp::Clear(0.0), store: StoreOp::Store }),
                stencil_ops: None,
            }),
            ..Default::default()
        });
        draw.set_bind_group(0, &*pass.view_groups[shot.tint], &[]);
        if let (Some((_, group)), true) = (&pass.bend, shot.bend.is_some()) {
            draw.set_bind_group(2, &**group, &[]);
        }
        draw.set_vertex_buffer(0, *vertices.slice(..));
        // Nothing of the picture reaches the rows of the tokens.
        draw.set_scissor_rect(0, 0, shot.size_px[0], shot.size_px[1]);
        for one in &shot.prepared.draws {
            draw.set_pipeline(ready[pipeline_of(one)]);
            draw.set_bind_group(1, &*groups[one.surface], &[(one.surface * SURFACE_STRIDE) as u32]);
            draw.draw(one.vertices.clone(), one.symbol..one.symbol + 1);
        }
        draw.set_scissor_rect(0, 0, shot.size_px[0], target.delivered.rows);
        draw.set_pipeline(ready[FRAGMENT_COUNT - 1]);
        for (index, group) in groups.iter().enumerate() {
            draw.set_bind_group(1, &**group, &[(index * SURFACE_STRIDE) as u32]);
            draw.draw(0..6, 0..1);
        }
        drop(draw);
        encoder.copy_texture_to_texture(
            target.colour.as_image_copy(),
            target.hard.as_image_copy(),
            extent(shot.size_px[0], shot.size_px[1], 1),
        );
        let mut draw = encoder.begin_render_pass(&RenderPassDescriptor {
            label: Some("edges"),
            color_attachments: &[Some(RenderPassColorAttachment {
                view: &target.colour_view,
                depth_slice: None,
                resolve_target: None,
                ops: Operations { load: LoadOp::Load, store: StoreOp::Store },
            })],
            depth_stencil_attachment: Some(RenderPassDepthStencilAttachment {
                view: &target.depth_view,
                depth_ops: Some(Operations { load: LoadOp::Load, store: if shot.depth { StoreOp::Store } else { StoreOp::Discard } }),
                stencil_ops: None,
            }),
            ..Default::default()
        });
        draw.set_scissor_rect(0, 0, shot.size_px[0], shot.size_px[1]);
        draw.set_pipeline(soften);
        draw.set_bind_group(0, &*target.hard_group, &[]);
        draw.set_vertex_buffer(0, *edges.slice(..));
        draw.draw(0..(shot.prepared.edges.len() as u64 / EDGE_STRIDE) as u32, 0..1);
    }
    let layout = TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(target.delivered.stride as u32), rows_per_image: None };
    encoder.copy_texture_to_buffer(
        target.colour.as_image_copy(),
        TexelCopyBufferInfo { buffer: &target.delivered.buffer, layout },
        extent(shot.size_px[0], target.delivered.rows, 1),
    );
    let depth = target.depth_buffer.clone().filter(|_| shot.depth);
    if let Some(buffer) = &depth {
        let from = TexelCopyTextureInfo { aspect: TextureAspect::DepthOnly, ..target.depth.as_image_copy() };
        encoder.copy_texture_to_buffer(from, TexelCopyBufferInfo { buffer, layout }, extent(shot.size_px[0], target.delivered.rows, 1));
    }
    queue.submit([encoder.finish()]);
    *delivery.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(Delivered { depth, ..target.delivered.clone() });
}
