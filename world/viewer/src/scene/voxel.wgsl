// Everything that stands in the world: ground, water, plants, far land, people.
#import bevy_pbr::{
    forward_io::VertexOutput,
    mesh_view_bindings::{view, lights},
    mesh_view_types::DIRECTIONAL_LIGHT_FLAGS_SHADOWS_ENABLED_BIT,
    shadows::fetch_directional_shadow,
}
#import bitdust::light::{Light, sky_colour, through_air, tone, speckle}

@group(#{MATERIAL_BIND_GROUP}) @binding(0) var<uniform> light: Light;
// x: what is drawn, see `scene/material.rs`.
@group(#{MATERIAL_BIND_GROUP}) @binding(1) var<uniform> what: vec4<u32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(2) var pictures: texture_2d_array<f32>;
@group(#{MATERIAL_BIND_GROUP}) @binding(3) var pictures_sampler: sampler;

const GROUND = 0u;
const WATER = 1u;
const PLANT = 2u;
const LAND = 3u;
const FIGURE = 4u;
const GLASS = 5u;

// The fourth part of a colour: up to 1 how open to the sky, from 1.5 a light of its own, from 2.5 water seen from afar.
// Of a face with a picture it is 3 more, and the first part is the picture's number; of a plant with one it is 7.
const SHINES = 1.5;
const FAR_WATER = 2.5;
const PICTURE = 3.0;
const PICTURE_PLANT = 6.5;
// In chunks colours are bytes: three parts in sRGB, or a picture's number, and the fourth in steps; see `scene/surface.rs`.
const FOURTH_STEPS = 32.0;

// Linear light of sRGB (IEC 61966-2-1).
fn linear(srgb: vec3<f32>) -> vec3<f32> {
    let low = srgb / 12.92;
    let high = pow((srgb + 0.055) / 1.055, vec3<f32>(2.4));
    return select(high, low, srgb <= vec3<f32>(0.04045));
}

fn shadow_at(in: VertexOutput, normal: vec3<f32>) -> f32 {
    if lights.n_directional_lights == 0u
        || (lights.directional_lights[0].flags & DIRECTIONAL_LIGHT_FLAGS_SHADOWS_ENABLED_BIT) == 0u {
        return 1.0;
    }
    let row = vec4<f32>(view.view_from_world[0].z, view.view_from_world[1].z, view.view_from_world[2].z, view.view_from_world[3].z);
    let view_z = dot(row, in.world_position);
    return fetch_directional_shadow(0u, in.world_position, normal, view_z, in.position.xy);
}

// Small differences between voxels, and between the grains of one, that fade before they would flicker.
fn grain(position: vec3<f32>, normal: vec3<f32>, distance: f32) -> f32 {
    let inside = position - normal * 0.06;
    let voxel = vec3<i32>(floor(inside)) + light.origin.xyz;
    let near = clamp(1.0 - distance / 56.0, 0.0, 1.0);
    var change = 0.055 * clamp(1.0 - distance / 220.0, 0.0, 1.0) * speckle(voxel);
    if near > 0.0 {
        change += 0.085 * near * speckle(vec3<i32>(floor(inside * 8.0)) + light.origin.xyz * 8);
        change += 0.045 * near * speckle(vec3<i32>(floor(inside * 4.0)) + light.origin.xyz * 4 + vec3<i32>(7, 3, 5));
    }
    return 1.0 + change;
}

fn waves(at: vec2<f32>, seconds: f32) -> vec2<f32> {
    let a = vec2<f32>(0.8, 0.6) * cos(dot(at, vec2<f32>(0.8, 0.6)) * 0.9 + seconds * 1.1);
    let b = vec2<f32>(-0.5, 0.87) * cos(dot(at, vec2<f32>(-0.5, 0.87)) * 1.7 + seconds * 1.6);
    let c = vec2<f32>(0.2, -0.98) * cos(dot(at, vec2<f32>(0.2, -0.98)) * 3.1 - seconds * 2.1);
    return 0.5 * a + 0.3 * b + 0.2 * c;
}

fn water(in: VertexOutput, offset: vec3<f32>, surface: vec3<f32>, base: vec3<f32>, opaque: bool) -> vec4<f32> {
    let distance = length(offset);
    let to_eye = -offset / max(distance, 0.001);
    var normal = surface;
    if abs(surface.y) > 0.5 {
        let calm = 0.07 / (1.0 + distance * 0.012);
        let at = in.world_position.xz + vec2<f32>(f32(light.origin.x), f32(light.origin.z));
        let slope = waves(at, light.caster.w) * calm;
        normal = normalize(vec3<f32>(slope.x, surface.y, slope.y));
    }
    let facing = abs(dot(normal, to_eye));
    let mirrored = 0.03 + 0.97 * pow(1.0 - facing, 5.0);
    let bounced = reflect(-to_eye, normal * sign(dot(normal, to_eye) + 0.0001));
    let shadow = shadow_at(in, surface);
    let sky = sky_colour(normalize(vec3<f32>(bounced.x, abs(bounced.y) + 0.02, bounced.z)), light);
    let body = base * (light.up.rgb * 0.9 + light.direct.rgb * 0.30 * (0.4 + 0.6 * shadow));
    let glint = pow(max(dot(bounced, light.caster.xyz), 0.0), 260.0) * 2.2 * shadow;
    var colour = mix(body, sky, clamp(mirrored, 0.0, 0.85)) + light.direct.rgb * glint;
    colour = tone(through_air(colour, offset, light));
    let alpha = select(clamp(0.70 + 0.3 * mirrored + 0.02 * min(distance, 10.0), 0.0, 0.97), 1.0, opaque);
    return vec4<f32>(colour, alpha);
}

// The picture of this number, from the left and from the top, in the version that fits the distance: at a metre's width of 16
// pixels, a pixel of the picture is about one of the screen at 24 m.
fn picture_at(number: f32, at: vec2<f32>, distance: f32) -> vec4<f32> {
    let level = clamp(log2(max(distance, 1.0) / 24.0), 0.0, 4.0);
    return textureSampleLevel(pictures, pictures_sampler, at, i32(round(number * 255.0)), level);
}

// Where on its voxel's face a point lies, for who looks at it: from the left and from the top. Of a face that looks up the
// north is the top.
fn on_face(position: vec3<f32>, normal: vec3<f32>) -> vec2<f32> {
    let part = fract(position);
    if abs(normal.y) > 0.5 { return part.xz; }
    if abs(normal.x) > 0.5 { return vec2<f32>(select(part.z, 1.0 - part.z, normal.x > 0.0), 1.0 - part.y); }
    return vec2<f32>(select(1.0 - part.x, part.x, normal.z > 0.0), 1.0 - part.y);
}

// What a plant shows at a point of one of its planes, or nothing where its alpha is 0. Plants are cut from the planes in
// sixteenths of a metre, each voxel's differently.
fn plant(position: vec3<f32>, colour: vec3<f32>, shape: f32, front: bool) -> vec4<f32> {
    let voxel = vec3<i32>(floor(position + vec3<f32>(0.0, 0.001, 0.0))) + light.origin.xyz;
    let part = position - floor(position + vec3<f32>(0.0, 0.001, 0.0));
    let u = (floor(clamp((part.x - 0.15) / 0.7, 0.0, 0.999) * 16.0) + 0.5) / 16.0;
    let v = (floor(clamp(part.y, 0.0, 0.999) * 16.0) + 0.5) / 16.0;
    let side = abs(u - 0.5);
    let green = vec3<f32>(0.07, 0.19, 0.04);
    let nothing = vec4<f32>(0.0);
    let pick = i32(u * 16.0);
    let chance = speckle(vec3<i32>(voxel.x * 17 + pick, voxel.y, voxel.z * 29 + select(0, 5, front)));
    if shape > 4.5 && shape < 5.5 {
        // A sign: a post and a board.
        if side < 0.06 && v < 0.5 { return vec4<f32>(colour * 0.6, 1.0); }
        if v >= 0.45 && v < 0.95 { return vec4<f32>(colour * select(0.75, 1.0, side < 0.4 && v > 0.52 && v < 0.88), 1.0); }
        return nothing;
    }
    if shape > 3.5 && shape < 4.5 {
        // A leaf on water, with a notch.
        let at = part.xz - 0.5;
        if dot(at, at) > 0.2 || (at.x > 0.0 && abs(at.y) < at.x * 0.35) { return nothing; }
        return vec4<f32>(colour * (0.8 + 0.25 * chance), 1.0);
    }
    if shape > 2.5 && shape < 3.5 {
        if side < 0.07 && v < 0.3 { return vec4<f32>(vec3<f32>(0.55, 0.5, 0.42), 1.0); }
        let cap = vec2<f32>((u - 0.5) * 1.1, (v - 0.3) * 1.5);
        return select(nothing, vec4<f32>(colour, 1.0), v >= 0.3 && dot(cap, cap) < 0.055);
    }
    if shape > 0.5 && shape < 1.5 {
        let head = vec2<f32>(u - 0.5, v - 0.62);
        let away = dot(head, head);
        if away < 0.006 { return vec4<f32>(vec3<f32>(0.75, 0.55, 0.1), 1.0); }
        if away < 0.032 { return vec4<f32>(colour, 1.0); }
        if side < 0.04 && v < 0.6 { return vec4<f32>(green, 1.0); }
        let leaf = v < 0.3 && side < 0.26 && abs(side - v * 0.8) < 0.07;
        return select(nothing, vec4<f32>(green * 1.2, 1.0), leaf);
    }
    if shape > 1.5 && shape < 2.5 {
        let grain = speckle(vec3<i32>(pick, i32(v * 16.0), voxel.x + voxel.z * 3));
        let branch = abs(side - v * 0.55) < 0.05 || (side < 0.05 && v < 0.5) || (grain > 0.55 && v > 0.3 && side < v * 0.6);
        return select(nothing, vec4<f32>(colour * (0.7 + 0.3 * v), 1.0), branch && v < 0.8);
    }
    // Blades, some shorter than others; reed and wheat are taller and stand closer.
    let tall = select(0.62, 0.95, shape > 5.5);
    let high = tall * (0.72 + 0.28 * chance);
    let gap = (pick & 1) == 1 && shape < 5.5 && chance < 0.35;
    if v > high || gap { return nothing; }
    return vec4<f32>(colour * (0.62 + 0.5 * v), 1.0);
}

@fragment
fn fragment(in: VertexOutput, @builtin(front_facing) front: bool) -> @location(0) vec4<f32> {
    let offset = in.world_position.xyz - view.world_position;
    let distance = length(offset);
    var normal = normalize(in.world_normal);
    var colour = in.color.rgb;
    var open = in.color.a;
    // All corners of a rectangle have one colour, so that it may be made linear here; a picture's number mustn't be.
    let number = in.color.r;
    if what.x != LAND && what.x != FIGURE {
        colour = linear(colour);
        open *= 255.0 / FOURTH_STEPS;
    }
    if what.x == WATER || (what.x == LAND && open > FAR_WATER) {
        return water(in, offset, normal, colour, what.x != WATER);
    }
    var alpha = 1.0;
    let pictured = (what.x == GROUND || what.x == GLASS) && open > PICTURE;
    if pictured {
        let seen = picture_at(number, on_face(in.world_position.xyz, normal), distance);
        colour = seen.rgb;
        alpha = select(1.0, seen.a, what.x == GLASS);
        open -= PICTURE;
    }
    if what.x == PLANT {
        var seen: vec4<f32>;
        if open > PICTURE_PLANT {
            let part = fract(in.world_position.xyz);
            seen = picture_at(number, vec2<f32>((part.x - 0.15) / 0.7, 1.0 - part.y), distance);
        } else {
            seen = plant(in.world_position.xyz, colour, open, front);
        }
        if seen.a < 0.5 {
            discard;
        }
        colour = seen.rgb;
        normal = vec3<f32>(0.0, 1.0, 0.0);
        open = 0.9;
    }
    if what.x == GLASS && !pictured {
        // Panes have frames, so that they are seen at all.
        let inside = abs(fract(in.world_position.xyz) - 0.5) * (1.0 - abs(normal));
        let frame = max(inside.x, max(inside.y, inside.z)) > 0.44;
        alpha = select(open, max(open, 0.8), frame);
        open = 1.0;
    }
    if what.x == GROUND && !pictured {
        colour *= grain(in.world_position.xyz, normal, distance);
    }
    var lit: vec3<f32>;
    if open > SHINES {
        lit = colour * 1.5;
    } else {
        var facing = max(dot(normal, light.caster.xyz), 0.0);
        var shadow = 0.0;
        if facing > 0.0 {
            shadow = shadow_at(in, normal);
        }
        let direct = light.direct.rgb * facing * shadow * mix(0.55, 1.0, open);
        let around = mix(light.down.rgb, light.up.rgb, normal.y * 0.5 + 0.5) * open;
        lit = colour * (direct + around);
    }
    return vec4<f32>(tone(through_air(lit, offset, light)), alpha);
}
