//! The public RFC 6962 proofs, and the laws that tie the ways of computing one tree together.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::BASE64;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
}

/// RFC 9162's own recursion, written as it is written there: slow, and what the rest must agree with.
fn root_by_definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            let (left, right) = leaves.split_at(k);
            node_hash(&root_by_definition(left), &root_by_definition(right))
        }
    }
}

#[test]
fn every_way_to_a_root_agrees() {
    for size in 0..140 {
        let leaves = leaves(size);
        let expected = root_by_definition(&leaves);
        assert_eq!(root(&leaves), expected, "frontier at {size}");
        assert_eq!(Tree::new(leaves.clone()).root(), expected, "levels at {size}");
    }
}

#[test]
fn every_leaf_of_small_trees_is_included() {
    for size in 0..70_usize {
        let leaves = leaves(size);
        let root = root(&leaves);
        let all = all_inclusion_paths(&leaves);
        assert_eq!(all.len(), size);
        for (index, path) in all.iter().enumerate() {
            assert_eq!(inclusion_path(&leaves, index).as_ref(), Some(path), "{index} of {size}");
            assert_eq!(root_from_inclusion(&leaves[index], index as u64, size as u64, path), Some(root));
        }
        assert_eq!(inclusion_path(&leaves, size), None);
        assert_eq!(Tree::new(leaves).inclusion_path(size), None);
    }
}

#[test]
fn every_pair_of_small_sizes_is_consistent() {
    let leaves = leaves(40);
    for new in 1..=leaves.len() {
        let new_root = root(&leaves[..new]);
        for old in 1..=new {
            let old_root = root(&leaves[..old]);
            let path = consistency_path(&leaves[..new], old).unwrap();
            assert!(
                verify_consistency(old as u64, &old_root, new as u64, &new_root, &path),
                "{old} to {new}"
            );
            let mut longer = path.clone();
            longer.push(old_root);
            assert!(!verify_consistency(old as u64, &old_root, new as u64, &new_root, &longer));
            if let Some((_, shorter)) = path.split_last() {
                assert!(!verify_consistency(old as u64, &old_root, new as u64, &new_root, shorter));
            }
        }
        assert_eq!(consistency_path(&leaves[..new], 0), None);
        assert_eq!(consistency_path(&leaves[..new], new + 1), None);
    }
}

#[test]
fn huge_sizes_neither_overflow_nor_stall() {
    for (index, size) in [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (1 << 63, (1 << 63) + 1)] {
        let ranges = inclusion_ranges(index, size).unwrap();
        assert!(ranges.len() <= 64);
        for range in &ranges {
            assert!(whole_subtrees(range).len() <= 64);
        }
        let path = vec![leaf_hash(b""); ranges.len()];
        assert!(root_from_inclusion(&leaf_hash(b"x"), index, size, &path).is_some());
    }
    assert!(consistency_ranges(1, u64::MAX).unwrap().len() <= 64);
    assert!(consistency_ranges(u64::MAX - 1, u64::MAX).unwrap().len() <= 65);
}

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_leads_to_another_root(
        size in 1_usize..300, pick in any::<proptest::sample::Index>(), bit in 0_usize..256,
        place in any::<proptest::sample::Index>(),
    ) {
        let leaves = leaves(size);
        let index = pick.index(size);
        let mut path = inclusion_path(&leaves, index).unwrap();
        let mut leaf = leaves[index];
        let target = match place.index(path.len() + 1) {
            0 => &mut leaf,
            n => &mut path[n - 1],
        };
        let mut bytes = *target.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        *target = Hash::from_bytes(bytes);
        prop_assert_ne!(root_from_inclusion(&leaf, index as u64, size as u64, &path), Some(root(&leaves)));
    }

    #[test]
    fn ranges_of_a_path_cover_all_other_leaves_once(size in 1_u64.., pick in any::<u64>()) {
        let index = pick % size;
        let mut ranges = inclusion_ranges(index, size).unwrap();
        ranges.push(index..index + 1);
        ranges.sort_by_key(|range| range.start);
        let mut next = 0;
        for range in ranges {
            prop_assert_eq!(range.start, next);
            next = range.end;
        }
        prop_assert_eq!(next, size);
    }

    #[test]
    fn any_path_is_answered(
        index in any::<u64>(), size in any::<u64>(), length in 0_usize..80, old in any::<u64>(),
    ) {
        let path = vec![leaf_hash(b"path"); length];
        let leaf = leaf_hash(b"leaf");
        let fits = inclusion_ranges(index, size).is_some_and(|ranges| ranges.len() == length);
        prop_assert_eq!(root_from_inclusion(&leaf, index, size, &path).is_some(), fits);
        prop_assert!(old == size || !verify_consistency(old, &leaf, size, &path.first().copied().unwrap_or(leaf), &path));
    }
}

#[test]
fn the_public_vectors_in_fixtures() {
    let text = include_str!("../../../../fixtures/rfc6962/proofs.json");
    let cases: Value = serde_json::from_str(text).unwrap();
    let mut count = 0;
    for case in cases["inclusion"].as_array().unwrap() {
        check_inclusion(case);
        count += 1;
    }
    for case in cases["consistency"].as_array().unwrap() {
        check_consistency(case);
        count += 1;
    }
    assert_eq!(count, 77);
}

#[test]
fn all_public_vectors_where_the_shared_data_is() {
    let Some(archive) = shared("vectors/rfc6962-merkle-testdata.tar.gz") else {
        println!("skipped: no shared data");
        return;
    };
    let parts = ["./testdata/inclusion", "./testdata/consistency"];
    let output = Command::new("tar").arg("xzOf").arg(archive).args(parts).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut counts = [0; 2];
    for case in serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>() {
        let case = case.unwrap();
        if case.get("leafIdx").is_some() {
            check_inclusion(&case);
            counts[0] += 1;
        } else {
            check_consistency(&case);
            counts[1] += 1;
        }
    }
    assert_eq!(counts, [98, 98]);
}

fn check_inclusion(case: &Value) {
    let [index, size] = ["leafIdx", "treeSize"].map(|name| case[name].as_u64().unwrap());
    let (root, leaf) = (value(&case["root"]), value(&case["leafHash"]));
    let reached =
        path(case).zip(leaf).and_then(|(path, leaf)| root_from_inclusion(&leaf, index, size, &path));
    let accepted = reached.is_some() && reached == root;
    assert_eq!(accepted, !case["wantErr"].as_bool().unwrap(), "{case}");
}

fn check_consistency(case: &Value) {
    let [old, new] = ["size1", "size2"].map(|name| case[name].as_u64().unwrap());
    let (old_root, new_root) = (value(&case["root1"]).unwrap(), value(&case["root2"]).unwrap());
    let accepted = path(case).is_some_and(|path| verify_consistency(old, &old_root, new, &new_root, &path));
    assert_eq!(accepted, !case["wantErr"].as_bool().unwrap(), "{case}");
}

fn path(case: &Value) -> Option<Vec<Hash>> {
    let hashes = case["proof"].as_array().map_or(&[][..], Vec::as_slice);
    hashes.iter().map(|hash| Hash::from_base64(hash.as_str().unwrap())).collect()
}

/// The vectors write "don't care 1" where a value only has to equal itself: it stands for its own hash.
fn value(field: &Value) -> Option<Hash> {
    let bytes = BASE64.decode(field.as_str().unwrap_or("").as_bytes()).unwrap();
    match <[u8; 32]>::try_from(bytes.as_slice()) {
        Ok(hash) => Some(Hash::from_bytes(hash)),
        Err(_) if bytes.is_empty() => None,
        Err(_) => Some(sha256(&[&bytes])),
    }
}

fn shared(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("EOSIN_DATA").map_or(beside, PathBuf::from);
    let path = folder.join(name);
    let mut first = [0; 1];
    std::fs::File::open(&path).ok()?.read_exact(&mut first).ok()?;
    Some(path)
}
