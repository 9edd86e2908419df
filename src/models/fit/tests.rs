//! Tables of machines, and how a model is run on them.

use expect_test::{Expect, expect};

use super::*;

pub const GB: u64 = 1_000_000_000;

/// As Qwen2.5-Coder 7B in Q4_K_M.
pub const SEVEN: Model = Model {
    needs: Needs {
        weight_bytes: 4_700_000_000,
        kv_numbers: 28 * 2 * 4 * 128,
        vocabulary: 152_064,
        width: 3584,
        feed_forward: 18_944,
    },
    layers: 28,
    trained: 32_768,
    usual: 4096,
    quantizes: true,
};

pub fn card(free: u64) -> Gpu {
    Gpu { index: 1, name: "a card".into(), free, shares: false }
}

pub fn machine(available: u64, gpus: &[Gpu]) -> Machine {
    Machine { available: Some(available), gpus: gpus.to_vec() }
}

fn said(fit: Result<Fit, Unfit>) -> String {
    match fit {
        Ok(Fit { context, kv_type, offload, bytes }) => {
            let gpu = offload.map_or(String::new(), |gpu| {
                format!(" + {} layers in {:.1} GB on {}", gpu.layers, gpu.bytes as f64 / 1e9, gpu.index)
            });
            format!("{context} {} in {:.1} GB{gpu}", kv_type.name(), bytes as f64 / 1e9)
        }
        Err(unfit) => unfit.to_string(),
    }
}

fn check(model: &Model, asked: Asked, machine: Machine, expected: Expect) {
    let chosen = fit(model, &asked, &machine);
    expected.assert_eq(&said(chosen));
    let Ok(chosen) = chosen else { return };
    assert!(machine.available.is_none_or(|available| chosen.bytes <= available), "{chosen:?}");
    let named = machine.computes(&chosen, model.layers + 1);
    assert_eq!(named.is_some(), chosen.offload.is_some());
    if let Some(offload) = chosen.offload {
        let is_part = named.is_some_and(|named| named.ends_with(" of 29 layers)"));
        assert_eq!(is_part, offload.layers < 29);
        let gpu = machine.gpus.iter().find(|gpu| gpu.index == offload.index).expect("one of them");
        assert!(offload.bytes + GPU_MARGIN <= gpu.free, "{chosen:?}");
    }
}

#[test]
fn the_processor_alone() {
    let nothing = Asked::default();
    let context = |tokens| Asked { context: Some(tokens), ..nothing };
    check(&SEVEN, nothing, machine(64 * GB, &[]), expect!["4096 f16 in 5.8 GB"]);
    check(&SEVEN, nothing, Machine::default(), expect!["4096 f16 in 5.8 GB"]);
    check(&SEVEN, nothing, machine(57 * GB / 10, &[]), expect!["4096 q8_0 in 5.6 GB"]);
    check(&SEVEN, nothing, machine(54 * GB / 10, &[]), expect!["512 q8_0 in 5.4 GB"]);
    check(
        &SEVEN,
        nothing,
        machine(5 * GB, &[]),
        expect![
            "needs about 5123 MiB of memory, and it may take 4768 MiB; choose a smaller model or a stronger quantisation, or see model.memoryMb"
        ],
    );
    check(&SEVEN, context(65_536), machine(64 * GB, &[]), expect!["32768 f16 in 9.5 GB"]);
    check(
        &SEVEN,
        context(100),
        machine(64 * GB, &[]),
        expect![
            "a context of 100 tokens is too small to complete in: 128 are the least; choose a model that was trained for more (32768 here), or a larger model.contextTokens"
        ],
    );
    let plain = Model { quantizes: false, ..SEVEN };
    check(&plain, nothing, machine(57 * GB / 10, &[]), expect!["1024 f16 in 5.6 GB"]);
    let q8 = Asked { kv_type: Some(KvType::Q8), ..nothing };
    check(&SEVEN, q8, machine(64 * GB, &[]), expect!["4096 q8_0 in 5.6 GB"]);
    check(&plain, q8, machine(64 * GB, &[]), expect!["4096 f16 in 5.8 GB"]);
}

#[test]
fn with_a_gpu() {
    let nothing = Asked::default();
    let layers = |count| Asked { gpu_layers: Some(count), ..nothing };
    let device = |device| Asked { device, ..nothing };
    check(
        &SEVEN,
        nothing,
        machine(64 * GB, &[card(24 * GB)]),
        expect!["4096 f16 in 0.1 GB + 29 layers in 5.8 GB on 1"],
    );
    check(
        &SEVEN,
        nothing,
        machine(64 * GB, &[card(6 * GB)]),
        expect!["4096 q8_0 in 0.1 GB + 29 layers in 5.6 GB on 1"],
    );
    check(
        &SEVEN,
        nothing,
        machine(64 * GB, &[card(3 * GB)]),
        expect!["4096 f16 in 3.1 GB + 13 layers in 2.7 GB on 1"],
    );
    check(
        &SEVEN,
        nothing,
        machine(3 * GB, &[card(3 * GB)]),
        expect!["1024 f16 in 3.0 GB + 13 layers in 2.6 GB on 1"],
    );
    check(&SEVEN, nothing, machine(64 * GB, &[card(GB / 4)]), expect!["4096 f16 in 5.8 GB"]);
    check(
        &SEVEN,
        layers(10),
        machine(64 * GB, &[card(24 * GB)]),
        expect!["4096 f16 in 3.7 GB + 10 layers in 2.1 GB on 1"],
    );
    check(
        &SEVEN,
        layers(999),
        machine(64 * GB, &[card(3 * GB)]),
        expect!["4096 f16 in 3.1 GB + 13 layers in 2.7 GB on 1"],
    );
    check(&SEVEN, layers(0), machine(64 * GB, &[card(24 * GB)]), expect!["4096 f16 in 5.8 GB"]);
    check(&SEVEN, device(Device::Cpu), machine(64 * GB, &[card(24 * GB)]), expect!["4096 f16 in 5.8 GB"]);
    let two = [card(8 * GB), Gpu { index: 2, ..card(24 * GB) }];
    check(&SEVEN, nothing, machine(64 * GB, &two), expect!["4096 f16 in 0.1 GB + 29 layers in 5.8 GB on 2"]);
    check(
        &SEVEN,
        device(Device::Gpu(0)),
        machine(64 * GB, &two),
        expect!["4096 f16 in 0.1 GB + 29 layers in 5.8 GB on 1"],
    );
    // One that is not there.
    check(&SEVEN, device(Device::Gpu(7)), machine(64 * GB, &two), expect!["4096 f16 in 5.8 GB"]);
    let integrated = Gpu { index: 3, shares: true, ..card(48 * GB) };
    check(
        &SEVEN,
        nothing,
        machine(16 * GB, std::slice::from_ref(&integrated)),
        expect!["4096 f16 in 5.8 GB + 29 layers in 5.8 GB on 3"],
    );
    check(
        &SEVEN,
        nothing,
        machine(16 * GB, &[integrated, card(8 * GB)]),
        expect!["4096 f16 in 0.1 GB + 29 layers in 5.8 GB on 1"],
    );
}

/// The processor after the GPU, then larger numbers in a smaller context; and it comes to an end.
#[test]
fn a_failure_is_followed_by_less() {
    let machine = machine(57 * GB / 10, &[card(8 * GB)]);
    let mut asked = Asked { kv_type: Some(KvType::Q8), ..Asked::default() };
    let mut tried = Vec::new();
    loop {
        let fitted = fit(&SEVEN, &asked, &machine).expect("there is room");
        tried.push(said(Ok(fitted)));
        match after_failure(&asked, &fitted) {
            Some(less) => asked = less,
            None => break,
        }
    }
    expect!["4096 q8_0 in 0.1 GB + 29 layers in 5.6 GB on 1; 4096 q8_0 in 5.6 GB; 1024 f16 in 5.6 GB"]
        .assert_eq(&tried.join("; "));
}

#[test]
fn odd_sizes_do_not_overflow() {
    let huge = Needs {
        weight_bytes: u64::MAX,
        kv_numbers: u64::MAX,
        vocabulary: u32::MAX,
        width: u32::MAX,
        feed_forward: u32::MAX,
    };
    let tiny = Needs { weight_bytes: 0, kv_numbers: 0, vocabulary: 0, width: 0, feed_forward: 0 };
    for needs in [huge, tiny] {
        for (layers, trained) in [(0, u32::MAX), (u32::MAX, 128), (1, 1)] {
            let model = Model { needs, layers, trained, usual: u32::MAX, quantizes: true };
            for gpus in [vec![], vec![card(0)], vec![card(u64::MAX)]] {
                for available in [None, Some(0), Some(u64::MAX)] {
                    let _ = fit(&model, &Asked::default(), &Machine { available, gpus: gpus.clone() });
                }
            }
            let _ = fair_bytes(&model, &Asked::default());
        }
    }
    assert_eq!((budget(0), budget(1000)), (0, 900));
}
