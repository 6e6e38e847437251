//! What can be said of the CUDA side on any machine: the carried code is of this source, nothing panics without a driver,
//! and with NVRTC (its folder in `LD_LIBRARY_PATH`) the kernels compile within their budgets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use situs_kernels::cuda::{
    CARRIED, CARRIED_OPTION, Form, Gpu, GpuFault, NumberFormat, carried_is_of_source, compile, survey,
};

#[test]
fn the_carried_code_is_of_this_source() {
    assert!(carried_is_of_source(), "the CUDA source changed: make the PTX anew with kernels/gpu/carry.py");
    // Drivers of CUDA 13.0 take ISA 9.0 and no newer one.
    assert!(CARRIED.contains("\n.version 9.0\n") && CARRIED.contains("\n.target sm_90\n"));
    for format in NumberFormat::ALL {
        let kernel = format!(".visible .entry {}(", Form::Streamed8.kernel(format));
        assert!(CARRIED.contains(&kernel), "{kernel}");
    }
}

#[test]
fn a_machine_without_a_gpu_is_told_what_to_do_and_nothing_panics() {
    match Gpu::open(0) {
        Ok(gpu) => println!("not run: this machine has {}", gpu.name()),
        Err(fault) => {
            assert!(fault.host_can(), "{fault:?}");
            let told = survey().to_string();
            assert_eq!(told, format!("none used, steps run on the CPU: {fault}"));
            assert!(!survey().usable());
            if fault == GpuFault::NoDriver {
                assert!(told.contains("install the driver"), "{told}");
            }
        }
    }
    // A number that no machine has, with a driver or without.
    assert!(Gpu::open(usize::MAX).is_err());
}

/// Registers of a thread and bytes spilled, for each kernel that the compiler speaks of.
fn resources(log: &str) -> Vec<(String, u32, u32)> {
    let number = |line: &str, before: &str| -> Option<u32> {
        let end = line.find(before)?;
        line[..end].split_whitespace().next_back()?.parse().ok()
    };
    let mut name = String::new();
    let mut spilled = 0;
    let mut found = Vec::new();
    for line in log.lines() {
        if let Some((_, of)) = line.split_once("Compiling entry function '") {
            name = of.split('\'').next().unwrap().to_owned();
            spilled = 0;
        }
        if let Some(stores) = number(line, " bytes spill stores") {
            spilled += stores + number(line, " bytes spill loads").unwrap();
        }
        if let Some(registers) = line.split_once("Used ").and_then(|(_, rest)| number(rest, " registers")) {
            found.push((name.clone(), registers, spilled));
            // Functions that the kernel calls are spoken of after it.
            spilled = 0;
        } else if spilled > 0 && found.last().is_some_and(|(last, ..)| *last == name) {
            found.last_mut().unwrap().2 += spilled;
            spilled = 0;
        }
    }
    found
}

#[test]
fn kernels_compile_without_spills_and_within_their_registers() {
    let compiled = match compile("sm_90", &["--ptxas-options=-v"]) {
        Err(GpuFault::NoLibrary { .. }) => {
            println!("not run: no NVRTC in LD_LIBRARY_PATH (the wheel nvidia-cuda-nvrtc has it)");
            return;
        }
        other => other.unwrap(),
    };
    let found = resources(&compiled.log);
    for form in Form::ALL {
        for format in NumberFormat::ALL {
            let kernel = form.kernel(format);
            assert!(found.iter().any(|(name, ..)| *name == kernel), "{kernel}: {}", compiled.log);
        }
    }
    for (name, registers, spilled) in &found {
        println!(
            "{name}: {registers} registers, {spilled} bytes spilled, {} bytes in all",
            compiled.cubin.len()
        );
        // 512 threads of 128 registers are all that a multiprocessor has.
        assert!(*registers <= 128 && *spilled == 0, "{name}: {registers} registers, {spilled} bytes spilled");
    }
    assert!(compiled.cubin.starts_with(b"\x7fELF"));
}

#[test]
fn nvrtc_of_the_carried_version_makes_the_carried_code() {
    match compile("compute_90", &[CARRIED_OPTION]) {
        Err(GpuFault::NoLibrary { .. }) => println!("not run: no NVRTC in LD_LIBRARY_PATH"),
        Err(fault) => panic!("{fault}"),
        Ok(compiled) => {
            let release = |text: &str| text.lines().find(|line| line.contains("release")).map(str::to_owned);
            if release(&compiled.ptx) != release(CARRIED) {
                println!("not run: this NVRTC is {:?}", release(&compiled.ptx));
                return;
            }
            let carried = CARRIED.split_once('\n').unwrap().1;
            assert!(compiled.ptx.trim() == carried.trim(), "make the PTX anew with kernels/gpu/carry.py");
        }
    }
}

#[test]
fn a_source_that_the_compiler_refuses_comes_with_its_log() {
    match compile("sm_90", &["--no-such-option"]) {
        Err(GpuFault::Compile { log }) => assert!(log.contains("no-such-option"), "{log}"),
        Err(GpuFault::NoLibrary { .. }) => println!("not run: no NVRTC in LD_LIBRARY_PATH"),
        other => panic!("{other:?}"),
    }
}
