package detail

import (
	"encoding/hex"
	"strconv"

	"github.com/gopacket/gopacket/layers"

	"github.com/skein-net/skein/internal/entity"
)

// dns explains a DNS message (RFC 1035, 4).
func dns(payload []byte) (entity.Value, bool) {
	var m layers.DNS
	if err := m.DecodeFromBytes(payload, noFeedback{}); err != nil {
		// Answers may be cut off; without the whole question it says nothing.
		if len(payload) < 12 || len(m.Questions) != int(m.QDCount) || m.QDCount == 0 {
			return entity.Value{}, false
		}
	}
	return attrs(entity.Attrs{
		entity.A("ID", entity.Int(int64(m.ID))),
		entity.A("QR", entity.Bool(m.QR)),
		entity.A("OpCode", entity.String(m.OpCode.String())),
		entity.A("AA", entity.Bool(m.AA)),
		entity.A("TC", entity.Bool(m.TC)),
		entity.A("RD", entity.Bool(m.RD)),
		entity.A("RA", entity.Bool(m.RA)),
		entity.A("Z", entity.Int(int64(m.Z))),
		entity.A("ResponseCode", entity.String(m.ResponseCode.String())),
		entity.A("QDCount", entity.Int(int64(m.QDCount))),
		entity.A("ANCount", entity.Int(int64(m.ANCount))),
		entity.A("NSCount", entity.Int(int64(m.NSCount))),
		entity.A("ARCount", entity.Int(int64(m.ARCount))),
		entity.A("Questions", questions(m.Questions)),
		entity.A("Answers", records(m.Answers)),
		entity.A("Authorities", records(m.Authorities)),
		entity.A("Additionals", records(m.Additionals)),
	}), true
}

func questions(qs []layers.DNSQuestion) entity.Value {
	if len(qs) == 0 {
		return entity.Value{}
	}
	return list(len(qs), func(i int) entity.Value {
		return attrs(entity.Attrs{
			entity.A("Name", text(qs[i].Name)),
			entity.A("Type", typeName(qs[i].Type)),
			entity.A("Class", entity.String(qs[i].Class.String())),
		})
	})
}

func records(rrs []layers.DNSResourceRecord) entity.Value {
	if len(rrs) == 0 {
		return entity.Value{}
	}
	return list(len(rrs), func(i int) entity.Value { return record(&rrs[i]) })
}

// record explains a resource record: what all have, and the data of the types
// that are known.
func record(rr *layers.DNSResourceRecord) entity.Value {
	as := entity.Attrs{
		entity.A("Name", text(rr.Name)),
		entity.A("Type", typeName(rr.Type)),
		entity.A("TTL", entity.Int(int64(rr.TTL))),
		entity.A("DataLength", entity.Int(int64(rr.DataLength))),
	}
	if rr.Type != layers.DNSTypeOPT { // it has the size of answers there (RFC 6891, 6.1.2)
		as = append(as, entity.A("Class", entity.String(rr.Class.String())))
	}
	switch rr.Type {
	case layers.DNSTypeA, layers.DNSTypeAAAA:
		if len(rr.IP) > 0 {
			as = append(as, entity.A("IP", address(rr.IP)))
		}
	case layers.DNSTypeNS:
		as = append(as, entity.A("NS", text(rr.NS)))
	case layers.DNSTypeCNAME:
		as = append(as, entity.A("CNAME", text(rr.CNAME)))
	case layers.DNSTypePTR:
		as = append(as, entity.A("PTR", text(rr.PTR)))
	case layers.DNSTypeTXT:
		as = append(as, entity.A("TXTs", list(len(rr.TXTs), func(i int) entity.Value { return text(rr.TXTs[i]) })))
	case layers.DNSTypeSOA:
		as = append(as, entity.A("SOA", attrs(entity.Attrs{
			entity.A("MName", text(rr.SOA.MName)),
			entity.A("RName", text(rr.SOA.RName)),
			entity.A("Serial", entity.Int(int64(rr.SOA.Serial))),
			entity.A("Refresh", entity.Int(int64(rr.SOA.Refresh))),
			entity.A("Retry", entity.Int(int64(rr.SOA.Retry))),
			entity.A("Expire", entity.Int(int64(rr.SOA.Expire))),
			entity.A("Minimum", entity.Int(int64(rr.SOA.Minimum))),
		})))
	case layers.DNSTypeSRV:
		as = append(as, entity.A("SRV", attrs(entity.Attrs{
			entity.A("Priority", entity.Int(int64(rr.SRV.Priority))),
			entity.A("Weight", entity.Int(int64(rr.SRV.Weight))),
			entity.A("Port", entity.Int(int64(rr.SRV.Port))),
			entity.A("Name", text(rr.SRV.Name)),
		})))
	case layers.DNSTypeMX:
		as = append(as, entity.A("MX", attrs(entity.Attrs{
			entity.A("Preference", entity.Int(int64(rr.MX.Preference))),
			entity.A("Name", text(rr.MX.Name)),
		})))
	case layers.DNSTypeOPT:
		as = append(as, entity.A("OPT", list(len(rr.OPT), func(i int) entity.Value {
			return attrs(entity.Attrs{
				entity.A("Code", entity.String(rr.OPT[i].Code.String())),
				entity.A("Data", entity.String(hex.EncodeToString(rr.OPT[i].Data[:min(len(rr.OPT[i].Data), maxString)]))),
			})
		})))
	}
	return attrs(as)
}

// typeName names a type; one that has no name here is written as RFC 3597 says.
func typeName(t layers.DNSType) entity.Value {
	if s := t.String(); s != "Unknown" {
		return entity.String(s)
	}
	return entity.String("TYPE" + strconv.Itoa(int(t)))
}
