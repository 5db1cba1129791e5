//! The shared records; interop/runner/vectors.ts says what the file looks like.

use std::collections::BTreeMap;

pub struct Vector {
    pub name: String,
    pub needs: Vec<String>,
    pub timestamp_ms: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: BTreeMap<String, Vec<u8>>,
}

/// Reads the vectors that a client can express which lacks these needs.
pub fn read(path: &str, lacks: &[&str]) -> Vec<Vector> {
    let text = std::fs::read_to_string(path).expect("the file of vectors");
    let fits = |vector: &Vector| !vector.needs.iter().any(|need| lacks.contains(&need.as_str()));
    text.lines().map(parse).filter(fits).collect()
}

fn parse(line: &str) -> Vector {
    let field: Vec<&str> = line.split('\t').collect();
    let headers = match field[5] {
        "-" => BTreeMap::new(),
        text => text.split(';').filter_map(header).collect(),
    };
    Vector {
        name: field[0].to_string(),
        needs: field[1].split(',').map(str::to_string).collect(),
        timestamp_ms: field[2].parse().expect("a timestamp"),
        key: unhex(field[3]),
        value: unhex(field[4]),
        headers,
    }
}

/// Null values are not to be had here; a vector that has one says so in its needs.
fn header(text: &str) -> Option<(String, Vec<u8>)> {
    let (name, value) = text.split_once('=')?;
    Some((name.to_string(), unhex(value)?))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a hexadecimal digit") as u8;
    Some(text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect())
}
