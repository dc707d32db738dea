// Package credentials is what an API key looks like to who holds it: one word that
// names the key and proves that it is held. It is pure.
//
//	crm_ 0Km…(65)…khD 6ul2ys
//	│    │            └ checksum: CRC-32 (IEEE) of all before it, 6 digits
//	│    └ the key's id (16 bytes) and its secret (32 random bytes), 65 digits
//	└ what finds it in a place where it should not be
//
// Digits are base 62 (0-9, A-Z, a-z), most significant first. The word is always 75
// characters, has no punctuation but one underscore, and is selected by a double
// click. The shape is that of GitHub's tokens: a scanner recognises it by prefix,
// length and checksum, almost without false alarms, and a typing error is told
// from a wrong key without looking anything up. The checksum proves nothing else.
//
// # Promises
//
//   - There is one way to write a key: what [Parse] takes, Reveal gives back byte by
//     byte.
//   - A key prints as crm_…, also within %#v, JSON and a line of a log; Reveal gives
//     it out.
//
// # What it does not promise
//
// Whether the key lets anybody in; that is asked with its id, and its secret's digest
// compared in constant time ([Token.Opens]).
//
// # Sources
//
// GitHub, "Behind GitHub's new authentication token formats" (2021). OWASP ASVS 5,
// 6.5.2: SHA-256 suffices for what has more than 112 random bits.
//
// # Decisions
//
//   - 2026-11-22 The id is in the word, so that one look-up by id finds the key and the
//     digest needs no index. What is looked up is no secret, hence no timing tells one.
//   - 2026-11-22 The digest is of the secret's 32 bytes and not of the word: the log must
//     not hold what a word, found elsewhere, could be recognised by.
package credentials
