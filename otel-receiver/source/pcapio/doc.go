// Package pcapio reads captures in the formats pcap
// (draft-ietf-opsawg-pcap, microseconds and nanoseconds, either byte order, the
// form with longer record headers that some Linux distributions once wrote) and
// pcapng (draft-ietf-opsawg-pcapng), plain or compressed by gzip, from files and
// from streams that grow.
//
// It believes no length: what it allocates for one record is bounded. It must
// never look into frames, and never read further than to the end of the record
// it is asked for, apart from what its buffer holds.
package pcapio
