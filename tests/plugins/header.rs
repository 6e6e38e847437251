//! The C header says what the Rust definition says.

use crate::workshop::{root, workshop};
use situs_core::plugin::abi;
use situs_core::registry::Kind;
use std::fmt::Write as _;
use std::mem::offset_of;
use std::process::Command;

/// Names in C and the numbers that Rust has for them.
fn numbers() -> Vec<(String, usize)> {
    let mut all: Vec<(String, usize)> = Vec::new();
    let mut add = |text: &str, value: usize| all.push((text.to_owned(), value));
    macro_rules! layout {
        ($name:literal, $type:ty, $($field:ident),+) => {
            add(concat!("sizeof(", $name, ")"), size_of::<$type>());
            add(concat!("_Alignof(", $name, ")"), align_of::<$type>());
            $( add(concat!("offsetof(", $name, ", ", stringify!($field), ")"), offset_of!($type, $field)); )+
        };
    }
    layout!("situs_bytes", abi::Bytes, ptr, len);
    layout!("situs_tensor", abi::Tensor, dtype, ndim, shape, data);
    layout!("situs_reply", abi::Reply, ctx, bytes, tensor, child);
    layout!("situs_row", abi::Row, draw, index, step, history, reserved);
    layout!(
        "situs_component",
        abi::Component,
        size,
        kind,
        flags,
        reserved,
        name,
        summary,
        fields_json,
        user,
        create,
        call,
        destroy
    );
    layout!(
        "situs_plugin",
        abi::Plugin,
        size,
        major,
        minor,
        count,
        name,
        version,
        components,
        stride,
        reserved,
        needs
    );
    layout!("situs_host", abi::Host, size, major, minor, workers, log, log_level, reserved, features);
    for (name, value) in [
        ("SITUS_MAJOR", abi::MAJOR),
        ("SITUS_MINOR", abi::MINOR),
        ("SITUS_SHARED", abi::SHARED),
        ("SITUS_CHECK_FIELDS", abi::CHECK_FIELDS),
        ("SITUS_PNG", abi::PNG),
        ("SITUS_OK", abi::OK as u32),
        ("SITUS_FAULT", abi::FAULT as u32),
        ("SITUS_PANIC", abi::PANIC as u32),
        ("SITUS_MISSING", abi::MISSING as u32),
        ("SITUS_U8", abi::Dtype::U8 as u32),
        ("SITUS_U32", abi::Dtype::U32 as u32),
        ("SITUS_F32", abi::Dtype::F32 as u32),
        ("SITUS_F64", abi::Dtype::F64 as u32),
    ] {
        add(name, value as usize);
    }
    for kind in Kind::ALL {
        add(&format!("SITUS_{}", kind.name().to_uppercase()), kind as usize);
    }
    all
}

#[test]
fn sizes_offsets_and_constants_are_the_same_in_c() {
    let mut source = "#include \"situs_plugin.h\"\n#include <stdio.h>\nint main(void) {\n".to_owned();
    for (name, _) in numbers() {
        writeln!(source, "    printf(\"%zu\\n\", (size_t)({name}));").unwrap();
    }
    // The entry symbol has the type that the header says.
    source.push_str(
        "    const situs_plugin *(*entry)(const situs_host *) = 0;\n    (void)entry;\n    return 0;\n}\n",
    );
    let folder = workshop().join("c");
    std::fs::create_dir_all(&folder).unwrap();
    let (file, program) = (folder.join("layout.c"), folder.join("layout"));
    std::fs::write(&file, source).unwrap();
    for compiler in ["-std=c11", "-std=c17"] {
        let output = Command::new("cc")
            .args([compiler, "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
            .arg(root().join("core/include"))
            .arg("-o")
            .args([&program, &file])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
        let found: Vec<usize> = printed.lines().map(|line| line.parse().unwrap()).collect();
        let expected = numbers();
        assert_eq!(found.len(), expected.len());
        for ((name, expected), found) in expected.iter().zip(found) {
            assert_eq!(*expected, found, "{name}");
        }
    }
}

#[test]
fn the_header_names_every_method() {
    let header = std::fs::read_to_string(root().join("core/include/situs_plugin.h")).unwrap();
    for words in [
        "1 case",
        "2 volume",
        "1 catalogue",
        "2 ask",
        "3 read",
        "1 render",
        "1 vocabulary",
        "2 embeddings",
        "3 rows",
        "4 reply",
        "5 session",
        "1 admit",
        "2 logits",
        "3 push",
        "4 finish",
        "5 cancel",
        "1 prepare",
        "2 pick",
        "1 consult",
        "2 score",
        "3 figure",
        "4 summarise",
    ] {
        assert!(header.contains(words), "{words}");
    }
}
