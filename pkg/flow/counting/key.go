package counting

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"crm-connector/pkg/core/conversion"
	"crm-connector/pkg/core/row"
)

// only is the Sort of a row that has its Part for itself.
const only = "-"

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// millis writes an instant so that texts sort as instants do.
func millis(t time.Time) string { return fmt.Sprintf("%013d", t.UnixMilli()) }

// instant reads the instant at the front of a Sort.
func instant(sort string) time.Time {
	head, _, _ := strings.Cut(sort, "#")
	ms, _ := strconv.ParseInt(head, 10, 64)
	return time.UnixMilli(ms).UTC()
}

// entryShards is how many rows the entries of a window have: those who push visits one by one would wait for each other.
const entryShards = 16

// entriesKey is the row that an entry is added to. Versions before had one row of a window, without a shard.
func (s scope) entriesKey(window time.Time, id string) row.Key {
	return row.Key{
		Part: s.countersPart("I", dayOf(window)),
		Sort: millis(window) + "#" + strconv.Itoa(conversion.Shard(s.tenant, id, entryShards)),
	}
}

func markerKey(id conversion.Identity) row.Key { return row.Key{Part: "M#" + id.Key, Sort: only} }

func repeatKey(ingestion string) row.Key {
	return row.Key{Part: conversion.RepeatKey(ingestion), Sort: only}
}

func ledgerPart(day string, c conversion.Channel, shard int) string {
	return "E#" + day + "#" + string(c) + "#" + strconv.Itoa(shard)
}

func ledgerKey(e conversion.Event, shard int, ingestion string) row.Key {
	return row.Key{Part: ledgerPart(dayOf(e.At), e.Channel, shard), Sort: millis(e.At) + "#" + ingestion}
}

// scope is a channel of a tenant: what is closed, watched and reported by itself.
type scope struct {
	tenant  conversion.Tenant
	channel conversion.Channel
}

func (s scope) String() string { return string(s.tenant) + "#" + string(s.channel) }

// scopeOf reads what String wrote, and what follows behind it.
func scopeOf(s string) (scope, string) {
	tenant, rest, _ := strings.Cut(s, "#")
	channel, rest, _ := strings.Cut(rest, "#")
	return scope{conversion.Tenant(tenant), conversion.Channel(channel)}, rest
}

// countersPart is the Part of the windows (W), minutes (N), snapshots (S) and entries (I) of a day.
func (s scope) countersPart(letter string, day string) string {
	return letter + "#" + string(s.tenant) + "#" + day + "#" + string(s.channel)
}

func countersKey(letter string, t conversion.Tenant, r conversion.Row) row.Key {
	return row.Key{
		Part: scope{t, r.Channel}.countersPart(letter, dayOf(r.At)),
		Sort: millis(r.At) + "#" + string(r.Type) + "#" + strconv.Itoa(r.Shard),
	}
}

// typeOf reads the type out of the Sort of a counters' row.
func typeOf(sort string) conversion.Type {
	_, rest, _ := strings.Cut(sort, "#")
	kind, _, _ := strings.Cut(rest, "#")
	return conversion.Type(kind)
}

func duePart(shard int) string { return "D#" + strconv.Itoa(shard) }

func dueKey(s scope, w conversion.Window, shard int) row.Key {
	return row.Key{Part: duePart(shard), Sort: millis(w.Start()) + "#" + s.String()}
}

func (s scope) snapshotKey(w conversion.Window, version int) row.Key {
	return row.Key{Part: s.countersPart("S", dayOf(w.Start())), Sort: millis(w.Start()) + "#" + fmt.Sprintf("%06d", version)}
}

func pulsePart(shard int) string { return "P#" + strconv.Itoa(shard) }

func pulseKey(s scope, shard int) row.Key { return row.Key{Part: pulsePart(shard), Sort: s.String()} }

// clientHash stands for a client where its name must not.
func clientHash(t conversion.Tenant, client string) string {
	sum := sha256.Sum256([]byte(string(t) + "#" + client))
	return hex.EncodeToString(sum[:8])
}

func recentKey(s scope, client string) row.Key {
	return row.Key{Part: "R#" + s.String() + "#" + client, Sort: only}
}

func firedPart(shard int) string { return "F#" + strconv.Itoa(shard) }

func firedKey(s scope, client string, shard int) row.Key {
	return row.Key{Part: firedPart(shard), Sort: s.String() + "#" + client}
}

func quarantineKey(s scope) row.Key { return row.Key{Part: "Q#" + s.String(), Sort: only} }

func heldPart(s scope) string { return "H#" + s.String() }

func heldPrefix(number int64) string { return fmt.Sprintf("%013d#", number) }

func heldKey(s scope, number int64, shard int, ledger row.Key) row.Key {
	return row.Key{Part: heldPart(s), Sort: heldPrefix(number) + strconv.Itoa(shard) + "#" + ledger.Sort}
}

const errorsPart = "B"

func errorKey(ingestion string) row.Key { return row.Key{Part: errorsPart, Sort: ingestion} }

func attemptsKey(ingestion string) row.Key { return row.Key{Part: "Y#" + ingestion, Sort: only} }
