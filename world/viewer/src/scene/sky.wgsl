// The sky: a box around the eye, infinitely far away.
#import bevy_pbr::{forward_io::Vertex, mesh_view_bindings::view}
#import bitdust::light::{Light, sky_colour, through_air, tone, speckle}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> light: Light;

struct SkyVertex {
    @builtin(position) position: vec4<f32>,
    @location(0) direction: vec3<f32>,
}

@vertex
fn vertex(vertex: Vertex) -> SkyVertex {
    var out: SkyVertex;
    out.direction = vertex.position;
    let clip = view.clip_from_world * vec4<f32>(view.world_position + vertex.position, 1.0);
    // With reversed depth 0 is infinitely far: whatever is drawn hides the sky.
    out.position = vec4<f32>(clip.xy, 0.0, clip.w);
    return out;
}

fn smooth_noise(at: vec2<f32>) -> f32 {
    let cell = vec2<i32>(floor(at));
    let part = fract(at);
    let s = part * part * (3.0 - 2.0 * part);
    let a = speckle(vec3<i32>(cell, 11));
    let b = speckle(vec3<i32>(cell + vec2<i32>(1, 0), 11));
    let c = speckle(vec3<i32>(cell + vec2<i32>(0, 1), 11));
    let d = speckle(vec3<i32>(cell + vec2<i32>(1, 1), 11));
    return mix(mix(a, b, s.x), mix(c, d, s.x), s.y);
}

// How thick the clouds are in a direction, from 0 to 1.
fn clouds(direction: vec3<f32>) -> f32 {
    let at = direction.xz / (direction.y + 0.06) * 1.6 + vec2<f32>(0.010, 0.004) * light.caster.w;
    var sum = 0.0;
    var size = 0.5;
    var where_to = at;
    for (var i = 0; i < 4; i++) {
        sum += size * smooth_noise(where_to);
        where_to = where_to * 2.13 + vec2<f32>(17.0, -9.0);
        size *= 0.5;
    }
    return smoothstep(0.02, 0.55, sum + light.haze.z - 0.5) * smoothstep(0.02, 0.22, direction.y);
}

@fragment
fn fragment(in: SkyVertex) -> @location(0) vec4<f32> {
    let direction = normalize(in.direction);
    if light.haze.y > 0.0 {
        return vec4<f32>(tone(through_air(vec3<f32>(0.0), direction * 500.0, light)), 1.0);
    }
    // Below the horizon the haze goes on.
    let seen = normalize(vec3<f32>(direction.x, max(direction.y, 0.015), direction.z));
    var colour = sky_colour(seen, light);
    let up = clamp(direction.y * 4.0, 0.0, 1.0);
    if light.sun.w > 0.0 {
        let cell = vec3<i32>(floor(direction * 130.0));
        let star = speckle(cell);
        if star > 0.985 {
            let middle = (vec3<f32>(cell) + 0.5) / 130.0;
            let near = 1.0 - smoothstep(0.0, 0.0032, length(direction - normalize(middle) * length(direction)));
            colour += vec3<f32>(0.75, 0.8, 0.9) * near * light.sun.w * up * (0.4 + 0.6 * fract(star * 977.0));
        }
        let moon = dot(direction, -light.sun.xyz);
        colour += vec3<f32>(0.75, 0.78, 0.85) * smoothstep(0.99925, 0.9994, moon) * light.sun.w;
        colour += vec3<f32>(0.06, 0.07, 0.10) * pow(max(moon, 0.0), 60.0) * light.sun.w;
    }
    let sun = dot(direction, light.sun.xyz);
    colour += (light.direct.rgb * 3.0 + light.glow.rgb) * smoothstep(0.99945, 0.99970, sun) * (1.0 - light.sun.w);
    if direction.y > 0.0 {
        let thick = clouds(direction);
        let side = 0.5 + 0.5 * max(dot(direction, light.caster.xyz), 0.0);
        let cloud = light.up.rgb * 1.05 + light.direct.rgb * 0.42 * side + light.horizon.rgb * 0.18;
        colour = mix(colour, cloud, thick * 0.82);
    }
    return vec4<f32>(tone(colour), 1.0);
}
