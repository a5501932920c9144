//! `bitdust world import`: a place made of a file of boxes, through the same edits as every other.
//!
//! A line is `x y z  dx dy dz  block`: the corner of a box of voxels with the lowest coordinates, counted from the location's own
//! corner (0 to 255), its extent (1 to 256), and the number of the block that fills it (0 is air). What follows `#` is a remark.
//! Later boxes are put over earlier ones. All 16,777,216 voxels of a location fit one line or as many as there are.
//!
//! What was imported before an error stays: the same file again writes the same.

use std::{fs, path::Path};

use alloy_primitives::B256;
use anyhow::{Context as _, Result, bail};
use bitdust_rpc::{Client, api::WorldClient as _, types::world::VoxelEdit};
use bitdust_world::{BlockId, LocationPos, block::ID_END, place::LOCATION_VOXELS};
use serde::Serialize;

use crate::cli::remote::explain;

/// Bytes of a file: three million boxes.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Voxels in one call, as many as a node takes.
const VOXELS_PER_CALL: usize = 65_536;
/// Calls between two versions: a million voxels are 6 MiB of edits, of the 16 MiB that a location takes before it is folded.
const CALLS_PER_VERSION: usize = 16;

/// What an import came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// Boxes in the file.
    pub boxes: usize,
    /// Voxels written, those of boxes over boxes each time.
    pub voxels: u64,
    /// The version that holds them.
    pub sequence: u64,
}

/// Voxels of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Filled {
    from: [i64; 3],
    extent: [i64; 3],
    block: BlockId,
}

/// Writes a file's boxes into a location, and makes versions of it.
pub async fn import(client: &Client, world: B256, pos: LocationPos, file: &Path) -> Result<Imported> {
    let what = || format!("reading {}", file.display());
    let bytes = fs::metadata(file).with_context(what)?.len();
    if bytes > FILE_BYTES_MAX {
        bail!("{} has {bytes} bytes, and at most {FILE_BYTES_MAX} are read: split it", file.display());
    }
    let boxes = parse(&fs::read_to_string(file).with_context(what)?).with_context(what)?;
    if boxes.is_empty() {
        bail!("{} has no boxes", file.display());
    }
    let mut written = voxels(&boxes, pos).peekable();
    let (mut count, mut calls, mut sequence) = (0, 0usize, 0);
    while written.peek().is_some() {
        let edits: Vec<VoxelEdit> = written.by_ref().take(VOXELS_PER_CALL).collect();
        count += edits.len() as u64;
        client.world_edit(world, edits).await.map_err(explain(client))?;
        calls += 1;
        if calls.is_multiple_of(CALLS_PER_VERSION) || written.peek().is_none() {
            sequence = save(client, world, pos).await?;
        }
    }
    Ok(Imported { boxes: boxes.len(), voxels: count, sequence })
}

/// The number of the version that holds all edits, made now if it has to be.
async fn save(client: &Client, world: B256, pos: LocationPos) -> Result<u64> {
    let error = match client.world_save(world, pos).await {
        Ok(saved) => return Ok(saved.sequence),
        Err(error) => error,
    };
    // Where much was built before, the node may just have made one by itself.
    let place = client.world_location(world, pos).await.map_err(explain(client))?;
    if place.edits > 0 {
        return Err(explain(client)(error)).with_context(|| format!("making a version of location {pos}"));
    }
    Ok(place.sequence)
}

fn parse(text: &str) -> Result<Vec<Filled>> {
    let mut boxes = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        if line.trim().is_empty() {
            continue;
        }
        boxes.push(parse_line(line).with_context(|| format!("line {number}"))?);
    }
    Ok(boxes)
}

fn parse_line(line: &str) -> Result<Filled> {
    let numbers: Result<Vec<i64>, _> = line.split_whitespace().map(str::parse).collect();
    let Ok(&[x, y, z, dx, dy, dz, block]) = numbers.as_deref() else {
        bail!("'{}' is no box: write seven whole numbers, x y z dx dy dz block", line.trim());
    };
    let (from, extent) = ([x, y, z], [dx, dy, dz]);
    let size = LOCATION_VOXELS;
    let is_inside = |from: i64, extent: i64| (0..size).contains(&from) && (1..=size - from).contains(&extent);
    if !from.into_iter().zip(extent).all(|(from, extent)| is_inside(from, extent)) {
        bail!(
            "the box at ({x}, {y}, {z}) of {dx} × {dy} × {dz} voxels isn't inside a location of {size} voxels each way"
        );
    }
    let block = u16::try_from(block).ok().filter(|block| *block < ID_END);
    let block = block.with_context(|| format!("blocks have numbers from 0 to {}", ID_END - 1))?;
    Ok(Filled { from, extent, block: BlockId(block) })
}

fn voxels(boxes: &[Filled], pos: LocationPos) -> impl Iterator<Item = VoxelEdit> {
    let corner = pos.chunk(0).origin();
    boxes.iter().flat_map(move |filled| {
        let [dx, dy, dz] = filled.extent;
        (0..dx * dy * dz).map(move |at| {
            let (x, y, z) = (filled.from[0] + at % dx, filled.from[1] + at / dx % dy, filled.from[2] + at / (dx * dy));
            VoxelEdit { pos: corner.offset(x, y, z), block: filled.block }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_become_their_voxels_in_order() {
        let boxes = parse("# a wall\n1 2 3  2 1 2  7  # of glass\n\n0 255 0 256 1 1 0\n").unwrap();
        let pos = LocationPos::new(-1, 0, 2);
        let all: Vec<VoxelEdit> = voxels(&boxes, pos).collect();
        let corner = pos.chunk(0).origin();
        let wall = [(1, 2, 3), (2, 2, 3), (1, 2, 4), (2, 2, 4)].map(|(x, y, z)| corner.offset(x, y, z));
        assert_eq!(all[..4].iter().map(|edit| edit.pos).collect::<Vec<_>>(), wall);
        assert!(all[..4].iter().all(|edit| edit.block == BlockId(7)));
        assert_eq!((all.len(), all[4].pos, all[4].block), (4 + 256, corner.offset(0, 255, 0), BlockId(0)));
        assert!(all.iter().all(|edit| edit.pos.chunk().location() == pos));
    }

    #[test]
    fn what_is_no_box_is_named_with_its_line() {
        for (line, why) in [
            ("1 2 3", "is no box"),
            ("1 2 3 4 5 6 seven", "is no box"),
            ("1 2 3 1 1 1 7 8", "is no box"),
            ("-1 0 0 1 1 1 7", "isn't inside"),
            ("250 0 0 7 1 1 7", "isn't inside"),
            ("0 0 0 0 1 1 7", "isn't inside"),
            ("0 0 9223372036854775807 1 1 9223372036854775807 7", "isn't inside"),
            ("0 0 0 1 1 1 65535", "blocks have numbers"),
            ("0 0 0 1 1 1 -1", "blocks have numbers"),
        ] {
            let refused = format!("{:#}", parse(&format!("0 0 0 1 1 1 1\n{line}")).unwrap_err());
            assert!(refused.contains("line 2") && refused.contains(why), "{line}: {refused}");
        }
    }
}
