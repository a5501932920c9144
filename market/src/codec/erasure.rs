//! Reed-Solomon over GF(2^8), `k` of `n`, with the parity bytes of the crate `reed-solomon-erasure`.
//!
//! A code is a matrix: row `j` says how shard `j` is combined from the `k` data shards, the first `k` rows being the
//! identity. The matrix is *taken from* the crate (by encoding the unit vectors), so that the bytes are its bytes by
//! construction; what is added here is to use any row for any purpose: one lost unit is one row times one inverse, where
//! the crate would rebuild all lost shards.

use reed_solomon_erasure::{
    Field as _,
    galois_8::{Field, ReedSolomon, div, mul, mul_slice, mul_slice_xor},
};

use bitdust_types::Layout;

/// Bytes of each shard taken through the matrix at once: with k = 10 the inputs and one output are 22 KiB, which stay in
/// the 32 KiB of a first-level cache.
const BLOCK_BYTES: usize = 2048;

/// One layout's matrix.
#[derive(Clone, Debug)]
pub struct Code {
    k: usize,
    /// The rows below the identity: `n − k` rows of `k` coefficients.
    parity: Vec<Vec<u8>>,
}

impl Code {
    /// The code of a layout.
    pub fn new(layout: Layout) -> Self {
        let k = usize::from(layout.k());
        let parity_count = usize::from(layout.n()) - k;
        let mut parity = vec![vec![0; k]; parity_count];
        if parity_count > 0 {
            let crate_code = ReedSolomon::new(k, parity_count).expect("1 <= k <= n <= 64 holds for every Layout");
            for i in 0..k {
                let data: Vec<[u8; 1]> = (0..k).map(|d| [u8::from(d == i)]).collect();
                let mut column = vec![[0u8; 1]; parity_count];
                crate_code.encode_sep(&data, &mut column).expect("one byte for each shard");
                for (row, coefficient) in parity.iter_mut().zip(column) {
                    row[i] = coefficient[0];
                }
            }
        }
        Code { k, parity }
    }

    /// Makes the parity of equally long pieces of the data shards; see [`combine`].
    pub fn encode(&self, data: &[&[u8]], parity: &mut [Vec<u8>]) {
        combine(&self.parity, data, parity);
    }

    /// How each shard in `targets` is combined from the `k` shards in `sources`, in their order. Sources are distinct.
    pub fn recovery(&self, sources: &[u8], targets: &[u8]) -> Vec<Vec<u8>> {
        assert_eq!(sources.len(), self.k, "k sources");
        let inverse = invert(sources.iter().map(|index| self.row(*index)).collect());
        targets
            .iter()
            .map(|target| {
                let row = self.row(*target);
                (0..self.k).map(|s| (0..self.k).fold(0, |sum, d| sum ^ mul(row[d], inverse[d][s]))).collect()
            })
            .collect()
    }

    fn row(&self, index: u8) -> Vec<u8> {
        let index = usize::from(index);
        if index < self.k {
            (0..self.k).map(|d| u8::from(d == index)).collect()
        } else {
            self.parity[index - self.k].clone()
        }
    }
}

/// For each of `rows`, an output: the sum of coefficient × input. The inputs are equally long; the outputs are at least as
/// long, and filled from their start.
///
/// A block of all inputs is used for all outputs before the next, so that it is read from memory once.
pub fn combine<O: AsMut<[u8]>>(rows: &[Vec<u8>], inputs: &[&[u8]], outputs: &mut [O]) {
    assert_eq!(rows.len(), outputs.len(), "one row of coefficients per output");
    let len = inputs[0].len();
    for start in (0..len).step_by(BLOCK_BYTES) {
        let block = start..(start + BLOCK_BYTES).min(len);
        for (row, output) in rows.iter().zip(outputs.iter_mut()) {
            combine_block(row, inputs, block.clone(), output.as_mut());
        }
    }
}

fn combine_block(row: &[u8], inputs: &[&[u8]], block: std::ops::Range<usize>, output: &mut [u8]) {
    assert_eq!(row.len(), inputs.len(), "one coefficient per input");
    let output = &mut output[block.clone()];
    let mut terms = row.iter().zip(inputs).filter(|(coefficient, _)| **coefficient != 0);
    match terms.next() {
        Some((coefficient, input)) => mul_slice(*coefficient, &input[block.clone()], output),
        None => output.fill(0),
    }
    for (coefficient, input) in terms {
        mul_slice_xor(*coefficient, &input[block.clone()], output);
    }
}

/// Gauss and Jordan. Any `k` rows of the code are independent, which is what makes it one.
fn invert(mut matrix: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let size = matrix.len();
    for (i, row) in matrix.iter_mut().enumerate() {
        row.extend((0..size).map(|d| if d == i { Field::one() } else { Field::zero() }));
    }
    for column in 0..size {
        let pivot =
            (column..size).find(|row| matrix[*row][column] != 0).expect("any k rows of the code are independent");
        matrix.swap(column, pivot);
        let scale = matrix[column][column];
        for value in &mut matrix[column] {
            *value = div(*value, scale);
        }
        let pivot_row = matrix[column].clone();
        for (_, row) in matrix.iter_mut().enumerate().filter(|(row, _)| *row != column) {
            let factor = row[column];
            for (value, pivot_value) in row.iter_mut().zip(&pivot_row) {
                *value ^= mul(factor, *pivot_value);
            }
        }
    }
    matrix.into_iter().map(|row| row[size..].to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The crate is the definition; every parity byte and every recovery is held against it.
    #[test]
    fn bytes_are_those_of_the_crate() {
        for (k, n) in [(1, 2), (1, 3), (2, 3), (4, 8), (10, 30), (17, 64)] {
            let len = 2 * BLOCK_BYTES + 77;
            let mut shards: Vec<Vec<u8>> =
                (0..n).map(|j| (0..len).map(|b| (b * 7 + j * 13 + b / 251) as u8).collect()).collect();
            let mut expected = shards.clone();
            ReedSolomon::new(k, n - k).unwrap().encode(&mut expected).unwrap();
            let code = Code::new(Layout::new(k as u8, n as u8).unwrap());
            let (data, parity) = shards.split_at_mut(k);
            code.encode(&data.iter().map(Vec::as_slice).collect::<Vec<_>>(), parity);
            assert_eq!(shards, expected, "{k} of {n}");

            let sources: Vec<u8> = (0..k).map(|i| (n - 1 - i) as u8).collect();
            let targets: Vec<u8> = (0..n as u8).collect();
            let inputs: Vec<&[u8]> = sources.iter().map(|i| &shards[usize::from(*i)][..]).collect();
            let mut out = vec![vec![0xee; len + 3]; targets.len()];
            combine(&code.recovery(&sources, &targets), &inputs, &mut out);
            for (target, out) in targets.iter().zip(out) {
                assert_eq!(out[..len], shards[usize::from(*target)], "{k} of {n}: shard {target}");
                assert_eq!(out[len..], [0xee; 3], "nothing behind the inputs' length is touched");
            }
        }
    }
}
