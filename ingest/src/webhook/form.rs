//! The form-encoded variant of a delivery: `payload=` followed by the JSON, percent-encoded.

/// The decoded `payload` field of a form; none where it is missing or its encoding is broken.
/// The bytes need not be UTF-8: the caller checks that as for any payload.
pub(super) fn payload(form: &[u8]) -> Option<Vec<u8>> {
    form.split(|&byte| byte == b'&')
        .find_map(|field| field.strip_prefix(b"payload="))
        .and_then(decode)
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => 16 * digit(*bytes.next()?)? + digit(*bytes.next()?)?,
            other => other,
        });
    }
    Some(decoded)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|value| value.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded_byte_by_byte() {
        let table: [(&[u8], Option<&[u8]>); 8] = [
            (b"payload=%7B%22a%22%3A+1%7d", Some(b"{\"a\": 1}")),
            (b"x=1&payload=%C3%A9&y", Some("é".as_bytes())),
            (b"payload=%ff", Some(b"\xff")),
            (b"payload=", Some(b"")),
            (b"payload=%7", None),
            (b"payload=%zz", None),
            (b"other=1", None),
            (b"", None),
        ];
        for (form, expected) in table {
            assert_eq!(payload(form).as_deref(), expected);
        }
    }
}
