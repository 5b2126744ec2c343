package rtnl

import "github.com/skein-net/skein/internal/entity"

// kindTable is what the package knows about the attributes of a link kind.
type kindTable struct {
	data, slave []field
	// finish, when there is one, looks at all attributes together.
	finish func(entity.Attrs) entity.Attrs
}

// decodeInfo decodes IFLA_LINKINFO. Kinds without a table keep their name and
// have no Info.
func (l *Link) decodeInfo(b []byte) (first error) {
	var data, slave []byte
	it := newAttrs("IFLA_LINKINFO", b)
	for it.next() {
		switch it.a.typ {
		case 1:
			keep(&first, it.a.text("IFLA_INFO_KIND", &l.Kind))
		case 2:
			data = it.a.data
		case 4:
			keep(&first, it.a.text("IFLA_INFO_SLAVE_KIND", &l.SlaveKind))
		case 5:
			slave = it.a.data
		}
	}
	keep(&first, it.err)
	if t, ok := linkKinds[l.Kind]; ok && len(data) > 0 {
		info, err := decodeTable(l.Kind, t.data, data, make(entity.Attrs, 0, len(t.data)))
		keep(&first, err)
		if l.Info = info.Normalize(); t.finish != nil {
			l.Info = t.finish(l.Info)
		}
	}
	if t, ok := linkKinds[l.SlaveKind]; ok && len(slave) > 0 {
		info, err := decodeTable(l.SlaveKind+" slave", t.slave, slave, make(entity.Attrs, 0, len(t.slave)))
		keep(&first, err)
		l.SlaveInfo = info.Normalize()
	}
	return first
}

// decode fills p from a link message of family AF_BRIDGE.
func (p *BridgePort) decode(b []byte) (first error) {
	var l Link
	if _, err := l.decode(b); err != nil {
		return err
	}
	p.Index, p.Name, p.Master = l.Index, l.Name, l.Master
	it := newAttrs("RTM_NEWLINK", b[sizeofIfInfomsg:])
	for it.next() {
		if it.a.typ != 12 { // IFLA_PROTINFO
			continue
		}
		info, err := decodeTable("IFLA_PROTINFO", bridgeSlave, it.a.data, nil)
		keep(&first, err)
		p.Info = info.Normalize()
		p.State = p.Info.Get("State").Str()
	}
	return first
}
