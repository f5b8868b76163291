//! The one form in which metadata is written, so that no byte of it can differ unseen.

use tough::schema::{Role, Signed};

/// The bytes of a metadata file: canonical JSON as the TUF specification uses it, without spaces, keys in order, digits
/// of signatures in small letters. What cannot be written has no bytes.
pub(super) fn bytes<T: Role>(signed: &Signed<T>) -> Option<Vec<u8>> {
    let mut signatures: Vec<_> = signed.signatures.iter().collect();
    signatures.sort_by(|one, other| one.keyid.cmp(&other.keyid));
    let mut bytes = b"{\"signatures\":[".to_vec();
    for (index, signature) in signatures.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let (key, sig) = (hex(&signature.keyid), hex(&signature.sig));
        let text = [comma, "{\"keyid\":\"", &key, "\",\"sig\":\"", &sig, "\"}"].concat();
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(b"],\"signed\":");
    bytes.extend(signed.signed.canonical_form().ok()?);
    bytes.push(b'}');
    Some(bytes)
}

/// Hexadecimal digits in small letters.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}
