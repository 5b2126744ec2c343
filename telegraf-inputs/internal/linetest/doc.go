// Package linetest holds the test that entity events pass unharmed through
// Telegraf's metric and its influx serializer. It has no code of its own: the
// codec in internal/entity/lineproto must not import Telegraf.
package linetest
