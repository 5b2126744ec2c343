// Package lldp decodes the protocol data units of the Link Layer Discovery
// Protocol (IEEE Std 802.1AB-2016) with the TLVs of IEEE 802.1, IEEE 802.3 and
// LLDP-MED (ANSI/TIA-1057).
//
// It is pure: it never reads outside its input, never panics, keeps no reference
// to it, and makes of it at most a small multiple of its length. What it does
// not know it keeps as hexadecimal; a TLV with a mistake in it is left out and
// counted, as 802.1AB-2016, 9.2.7.7 asks.
package lldp
