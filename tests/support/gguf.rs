//! A writer of GGUF files for tests, and ways to break them.
//!
//! Little endian, version 3. It writes what it is told, sense or nonsense, and remembers where each field of the
//! header begins, so that a test can cut a file at every boundary or overwrite one number. It knows nothing of
//! models (`tiny_model` does) and never checks anything (`codesage::models::gguf` does).

#![expect(dead_code, reason = "each test binary uses its own part of the support")]

/// A metadata value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    Str(String),
    U64(u64),
    I64(i64),
    F64(f64),
    Strs(Vec<String>),
    I32s(Vec<i32>),
    U32s(Vec<u32>),
    F32s(Vec<f32>),
    Bools(Vec<bool>),
    /// The bytes after the value type, whatever they are: for files that are broken on purpose.
    Raw(u32, Vec<u8>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

/// A tensor; `dims[0]` is the contiguous dimension. The data is written as it stands.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub name: String,
    pub dims: Vec<u64>,
    /// A `ggml_type`; 0 is F32.
    pub kind: u32,
    pub data: Vec<u8>,
}

impl Tensor {
    /// A tensor of 32-bit floats.
    pub fn f32(name: impl Into<String>, dims: &[usize], values: impl IntoIterator<Item = f32>) -> Self {
        Self {
            name: name.into(),
            dims: dims.iter().map(|&dim| dim as u64).collect(),
            kind: 0,
            data: values.into_iter().flat_map(f32::to_le_bytes).collect(),
        }
    }

    /// A tensor of 32-bit floats that are all zero.
    pub fn zeros(name: impl Into<String>, dims: &[usize]) -> Self {
        Self { data: vec![0; 4 * dims.iter().product::<usize>()], ..Self::f32(name, dims, []) }
    }
}

/// A field of the header: where it begins, how many bytes it has, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub offset: usize,
    pub len: usize,
    pub what: String,
}

/// A file about to be written. The public fields may be edited freely before [`Gguf::build`].
#[derive(Clone, Debug)]
pub struct Gguf {
    pub magic: [u8; 4],
    pub version: u32,
    pub metadata: Vec<(String, Value)>,
    pub tensors: Vec<Tensor>,
    /// Instead of the true number of tensors.
    pub tensor_count: Option<u64>,
    /// Instead of the true number of key-value pairs.
    pub pair_count: Option<u64>,
    /// Bytes; the default of the format is 32. Write the key `general.alignment` too when you change it.
    pub alignment: usize,
}

impl Default for Gguf {
    fn default() -> Self {
        Self {
            magic: *b"GGUF",
            version: 3,
            metadata: Vec::new(),
            tensors: Vec::new(),
            tensor_count: None,
            pair_count: None,
            alignment: 32,
        }
    }
}

impl Gguf {
    /// Puts `value` under `key`, in the place of an older one if there is one.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        match self.metadata.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.metadata.push((key.into(), value)),
        }
        self
    }

    /// Takes `key` out. Panics when it is not there: a test that removes nothing tests nothing.
    pub fn remove(&mut self, key: &str) -> &mut Self {
        let place = self.metadata.iter().position(|(known, _)| known == key);
        self.metadata.remove(place.unwrap_or_else(|| panic!("no key {key}")));
        self
    }

    /// The tensor called `name`. Panics when there is none.
    pub fn tensor(&mut self, name: &str) -> &mut Tensor {
        let found = self.tensors.iter_mut().find(|tensor| tensor.name == name);
        found.unwrap_or_else(|| panic!("no tensor {name}"))
    }

    /// The bytes of the file.
    pub fn build(&self) -> Vec<u8> {
        self.build_with_fields().0
    }

    /// The bytes of the file, and its header's fields in order. The last field is the padding before the data.
    pub fn build_with_fields(&self) -> (Vec<u8>, Vec<Field>) {
        let mut out = Writer::default();
        out.put("magic", &self.magic);
        out.put("version", &self.version.to_le_bytes());
        let tensor_count = self.tensor_count.unwrap_or(self.tensors.len() as u64);
        out.put("tensor count", &tensor_count.to_le_bytes());
        let pair_count = self.pair_count.unwrap_or(self.metadata.len() as u64);
        out.put("pair count", &pair_count.to_le_bytes());
        for (key, value) in &self.metadata {
            out.str(&format!("key {key}"), key);
            out.value(key, value);
        }
        let mut offset = 0u64;
        for tensor in &self.tensors {
            let name = &tensor.name;
            out.str(&format!("tensor {name}"), name);
            out.put(&format!("{name} dims"), &(tensor.dims.len() as u32).to_le_bytes());
            for (axis, dim) in tensor.dims.iter().enumerate() {
                out.put(&format!("{name} dim {axis}"), &dim.to_le_bytes());
            }
            out.put(&format!("{name} type"), &tensor.kind.to_le_bytes());
            out.put(&format!("{name} offset"), &offset.to_le_bytes());
            offset += tensor.data.len().next_multiple_of(self.alignment) as u64;
        }
        let Writer { mut bytes, mut fields } = out;
        let start = bytes.len().next_multiple_of(self.alignment);
        fields.push(Field { offset: bytes.len(), len: start - bytes.len(), what: "padding".into() });
        bytes.resize(start, 0);
        for tensor in &self.tensors {
            bytes.extend(&tensor.data);
            bytes.resize(bytes.len().next_multiple_of(self.alignment), 0);
        }
        (bytes, fields)
    }
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

impl Writer {
    fn put(&mut self, what: &str, bytes: &[u8]) {
        self.fields.push(Field { offset: self.bytes.len(), len: bytes.len(), what: what.into() });
        self.bytes.extend(bytes);
    }

    fn str(&mut self, what: &str, text: &str) {
        self.put(&format!("{what} length"), &(text.len() as u64).to_le_bytes());
        self.put(what, text.as_bytes());
    }

    fn scalar(&mut self, key: &str, kind: u32, bytes: &[u8]) {
        self.put(&format!("{key} type"), &kind.to_le_bytes());
        self.put(&format!("{key} value"), bytes);
    }

    fn array<T>(&mut self, key: &str, element: u32, items: &[T], mut put: impl FnMut(&mut Self, &T)) {
        self.put(&format!("{key} type"), &9u32.to_le_bytes());
        self.put(&format!("{key} element type"), &element.to_le_bytes());
        self.put(&format!("{key} length"), &(items.len() as u64).to_le_bytes());
        items.iter().for_each(|item| put(self, item));
    }

    fn value(&mut self, key: &str, value: &Value) {
        let element = format!("{key} element");
        match value {
            Value::U8(x) => self.scalar(key, 0, &x.to_le_bytes()),
            Value::I8(x) => self.scalar(key, 1, &x.to_le_bytes()),
            Value::U16(x) => self.scalar(key, 2, &x.to_le_bytes()),
            Value::I16(x) => self.scalar(key, 3, &x.to_le_bytes()),
            Value::U32(x) => self.scalar(key, 4, &x.to_le_bytes()),
            Value::I32(x) => self.scalar(key, 5, &x.to_le_bytes()),
            Value::F32(x) => self.scalar(key, 6, &x.to_le_bytes()),
            Value::Bool(x) => self.scalar(key, 7, &[u8::from(*x)]),
            Value::Str(x) => {
                self.put(&format!("{key} type"), &8u32.to_le_bytes());
                self.str(&format!("{key} value"), x);
            }
            Value::U64(x) => self.scalar(key, 10, &x.to_le_bytes()),
            Value::I64(x) => self.scalar(key, 11, &x.to_le_bytes()),
            Value::F64(x) => self.scalar(key, 12, &x.to_le_bytes()),
            Value::Strs(items) => self.array(key, 8, items, |out, x| out.str(&element, x)),
            Value::I32s(items) => self.array(key, 5, items, |out, x| out.put(&element, &x.to_le_bytes())),
            Value::U32s(items) => self.array(key, 4, items, |out, x| out.put(&element, &x.to_le_bytes())),
            Value::F32s(items) => self.array(key, 6, items, |out, x| out.put(&element, &x.to_le_bytes())),
            Value::Bools(items) => self.array(key, 7, items, |out, x| out.put(&element, &[u8::from(*x)])),
            Value::Raw(kind, bytes) => self.scalar(key, *kind, bytes),
        }
    }
}

/// The file cut before each field of its header, and once inside the data, with the name of what is missing.
/// Fields that repeat a name (the elements of an array) are cut once in sixteen.
pub fn truncations(model: &Gguf) -> impl Iterator<Item = (String, Vec<u8>)> {
    let (bytes, fields) = model.build_with_fields();
    let data = fields.last().map_or(0, |field| field.offset + field.len);
    let mut cuts: Vec<(String, usize)> = Vec::new();
    for (place, field) in fields.into_iter().enumerate() {
        if !field.what.contains(" element") || place % 16 == 0 {
            cuts.push((format!("cut before {}", field.what), field.offset));
        }
    }
    cuts.push(("cut before the data".into(), data));
    cuts.push(("cut in the data".into(), data + (bytes.len() - data) / 2));
    cuts.push(("one byte short".into(), bytes.len() - 1));
    cuts.into_iter().map(move |(what, end)| (what, bytes[..end].to_vec()))
}

/// `count` files made from `model` by one or two changes to its header each: the same for the same seed.
///
/// Half of them overwrite a whole field with a number that is likely to hurt, the others flip bits, or take out,
/// repeat or overwrite a few bytes. The data behind the header stays.
pub fn mutations(model: &Gguf, seed: u64, count: usize) -> impl Iterator<Item = (String, Vec<u8>)> {
    let (bytes, fields) = model.build_with_fields();
    let header = fields.last().map_or(0, |field| field.offset);
    // Elements of arrays are most of the fields; numbers and lengths are what hurts.
    let (elements, rest): (Vec<Field>, Vec<Field>) = fields
        .into_iter()
        .filter(|field| field.len > 0 && field.offset < header)
        .partition(|field| field.what.contains(" element"));
    let mut random = Random::new(seed);
    (0..count).map(move |number| {
        let mut bytes = bytes.clone();
        let mut done = Vec::new();
        for _ in 0..1 + random.below(2) {
            let pool = if random.below(4) == 0 && !elements.is_empty() { &elements } else { &rest };
            let field = &pool[random.below(pool.len())];
            done.push(mutate(&mut bytes, field, header, &mut random));
        }
        (format!("{seed}.{number}: {}", done.join(", ")), bytes)
    })
}

fn mutate(bytes: &mut Vec<u8>, field: &Field, header: usize, random: &mut Random) -> String {
    const NUMBERS: [u64; 20] = [
        0,
        1,
        2,
        3,
        7,
        8,
        9,
        31,
        64,
        255,
        257,
        513,
        0x7fff,
        0xffff,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
        u64::MAX,
    ];
    let Field { offset, len, what } = field;
    let end = (offset + len).min(bytes.len());
    let start = (*offset).min(end);
    let at = (start + random.below(*len)).min(header - 1);
    match random.below(10) {
        0..5 => {
            let number = NUMBERS[random.below(NUMBERS.len())];
            let source = number.to_le_bytes();
            for (target, byte) in bytes[start..end].iter_mut().zip(source) {
                *target = byte;
            }
            format!("{what} = {number:#x}")
        }
        5..8 => {
            let bit = random.below(8);
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} ({what})")
        }
        8 => {
            bytes.drain(start..end);
            format!("{what} taken out")
        }
        _ => {
            let copy = bytes[start..end].to_vec();
            bytes.splice(start..start, copy);
            format!("{what} twice")
        }
    }
}

/// A small generator of numbers that are the same on every run (xorshift64*).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        // Zero is the one state that xorshift never leaves.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `limit`, which is not zero.
    pub fn below(&mut self, limit: usize) -> usize {
        ((self.next() >> 33) % limit as u64) as usize
    }

    /// From -1 to 1.
    pub fn signed(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
