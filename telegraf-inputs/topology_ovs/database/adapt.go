package database

import (
	"fmt"
	"reflect"

	"github.com/ovn-org/libovsdb/model"
	"github.com/ovn-org/libovsdb/ovsdb"
)

// databaseName is the name of the database of ovs-vswitchd.
const databaseName = "Open_vSwitch"

func sameType(a, b any) bool { return reflect.TypeOf(a) == reflect.TypeOf(b) }

// adapter fits the row types of this package to the schema of a server. The
// library insists that every column of a type is in the schema, and servers of
// other versions have fewer, or columns of another type: those are left out of
// the type that the library is given.
type adapter struct {
	model model.ClientDBModel
	// columns are those to monitor, by table. Tables that the server does not have
	// are missing.
	columns map[string][]string
	tables  map[string]table
}

// adapt fails when the schema lacks what nothing can be done without.
func adapt(schema *ovsdb.DatabaseSchema) (*adapter, error) {
	a := &adapter{columns: make(map[string][]string), tables: make(map[string]table)}
	types := make(map[string]model.Model)
	for _, t := range tables() {
		ts := schema.Table(t.name)
		if ts == nil {
			continue
		}
		typ, columns := pare(reflect.TypeOf(t.proto).Elem(), ts)
		types[t.name] = reflect.New(typ).Interface()
		a.columns[t.name], a.tables[t.name] = columns, t
	}
	for _, name := range []string{"Open_vSwitch", "Bridge", "Port", "Interface"} {
		if len(a.columns[name]) == 0 {
			return nil, fmt.Errorf("the database %s has no table %s that can be read", schema.Name, name)
		}
	}
	var err error
	if a.model, err = model.NewClientDBModel(databaseName, types); err != nil {
		return nil, fmt.Errorf("make model of database: %w", err)
	}
	return a, nil
}

// pare returns the type without the fields whose columns the table does not have
// as they are wanted, and the columns of those that are left.
func pare(typ reflect.Type, schema *ovsdb.TableSchema) (reflect.Type, []string) {
	var fields []reflect.StructField
	var columns []string
	for f := range fieldsOf(typ) {
		name := f.Tag.Get("ovsdb")
		if name != "_uuid" {
			c := schema.Column(name)
			if c == nil || ovsdb.NativeType(c) != f.Type {
				continue
			}
			columns = append(columns, name)
		}
		fields = append(fields, reflect.StructField{Name: f.Name, Type: f.Type, Tag: f.Tag})
	}
	if len(fields) == typ.NumField() {
		return typ, columns
	}
	return reflect.StructOf(fields), columns
}

func fieldsOf(typ reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if !yield(typ.Field(i)) {
				return
			}
		}
	}
}

// row makes a row of this package of one of the library's.
func (t *table) row(m model.Model) (Row, error) {
	if sameType(m, t.proto) {
		return m.(Row), nil //nolint:forcetypeassert // proto is a Row
	}
	src := reflect.ValueOf(m)
	if src.Kind() != reflect.Pointer || src.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("a row of table %s is a %T", t.name, m)
	}
	src = src.Elem()
	dst := reflect.New(reflect.TypeOf(t.proto).Elem())
	for i := range src.NumField() {
		dst.Elem().FieldByName(src.Type().Field(i).Name).Set(src.Field(i))
	}
	return dst.Interface().(Row), nil //nolint:forcetypeassert // a pointer of proto's type
}
