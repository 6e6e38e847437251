//! Label names that a file carries itself: the `LabelTable` XML that TotalSegmentator writes as a header extension.

use std::collections::BTreeMap;

/// Names in a table: more are ignored.
const MAX_NAMES: usize = 100_000;

/// Names by label from the header extensions between the header and the voxels.
///
/// `area` starts with the four extension bytes; entries are length (their byte order that of the header), code,
/// content. Entries of any code are searched, since writers do not agree on one. What cannot be read is ignored.
pub(crate) fn names(area: &[u8], big_endian: bool) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    let Some(([flag, ..], mut rest)) = area.split_first_chunk::<4>() else { return names };
    if *flag == 0 {
        return names;
    }
    while let Some((length, _)) = rest.split_first_chunk::<4>() {
        let length =
            if big_endian { u32::from_be_bytes(*length) } else { u32::from_le_bytes(*length) } as usize;
        let Some((entry, following)) = rest.split_at_checked(length) else { break };
        let Some(content) = entry.get(8..) else { break };
        read_table(&String::from_utf8_lossy(content), &mut names);
        rest = following;
    }
    names
}

/// `<Label Key="1" ...><![CDATA[spleen]]></Label>`, or the name as plain text.
fn read_table(xml: &str, names: &mut BTreeMap<u32, String>) {
    let Some((_, table)) = xml.split_once("<LabelTable") else { return };
    let table = table.split_once("</LabelTable>").map_or(table, |(inside, _)| inside);
    for element in table.split("<Label ").skip(1) {
        if names.len() >= MAX_NAMES {
            return;
        }
        let Some((attributes, content)) = element.split_once('>') else { continue };
        let Some(key) = attribute(attributes, "Key").and_then(|key| key.trim().parse().ok()) else {
            continue;
        };
        let name = match content.trim_start().strip_prefix("<![CDATA[") {
            Some(data) => data.split_once("]]>").map(|(name, _)| name.to_owned()),
            None => content.split_once("</Label>").map(|(name, _)| unescape(name)),
        };
        if let Some(name) = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()) {
            names.insert(key, name);
        }
    }
}

fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let (_, value) = attributes.split_once(&format!("{name}=\""))?;
    value.split_once('"').map(|(value, _)| value)
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(xml: &str) -> Vec<u8> {
        let mut area = vec![1, 0, 0, 0];
        area.extend((xml.len() as u32 + 8).to_le_bytes());
        area.extend(0_u32.to_le_bytes());
        area.extend(xml.as_bytes());
        area
    }

    #[test]
    fn cdata_and_escaped_text_give_names() {
        let xml = "<CaretExtension><VolumeInformation><LabelTable>\
            <Label Key=\"1\" Red=\"0.5\"><![CDATA[spleen]]></Label>\
            <Label Key=\"20\">left &amp; right</Label><Label Key=\"x\">no</Label><Label Key=\"3\"></Label>\
            </LabelTable></VolumeInformation></CaretExtension>";
        let expected = [(1, "spleen".to_owned()), (20, "left & right".to_owned())];
        assert_eq!(names(&area(xml), false), expected.into());
    }

    #[test]
    fn lengths_that_lie_end_the_search() {
        let mut lying = area("<LabelTable><Label Key=\"1\">a</Label></LabelTable>");
        lying[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(names(&lying, false).is_empty());
        lying[4..8].copy_from_slice(&3_u32.to_le_bytes());
        assert!(names(&lying, false).is_empty());
        assert!(names(&[1], false).is_empty());
    }
}
