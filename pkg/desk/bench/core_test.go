package bench

import (
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/merge"
	"crm-connector/pkg/core/pair"
)

// rossi is a contact with every field filled, as both systems show it, and its pair at rest.
type rossi struct {
	mapping       *mapping.Mapping
	hubspot, zoho crm.Record
	pair          pair.Pair
}

func newRossi(b *testing.B) rossi {
	b.Helper()
	s := must(Instant(b.Context()))(b)
	twins := must(s.Paired(b.Context(), 1))(b)[0]
	m := must(mapping.Default().With(mapping.Options{PhoneRegion: "IT"}))(b)
	read := func(read func() ([]crm.Reading, error)) crm.Record { return must(read())(b)[0].Record }
	return rossi{
		mapping: m,
		hubspot: read(func() ([]crm.Reading, error) {
			return s.Suite.HubSpot.Read(b.Context(), crm.Query{Module: crm.Contacts, Keys: []string{twins.HubSpot}, Columns: m.Columns(crm.Contact, crm.HubSpot)})
		}),
		zoho: read(func() ([]crm.Reading, error) {
			return s.Suite.Zoho.Read(b.Context(), crm.Query{Module: crm.Contacts, Keys: []string{twins.Zoho}, Columns: m.Columns(crm.Contact, crm.Zoho)})
		}),
		pair: must(s.Pairs())(b)[0],
	}
}

// BenchmarkPair is a whole contact's pair, as its row holds it.
func BenchmarkPair(b *testing.B) {
	r := newRossi(b)
	row := r.pair.Encode()
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.pair.Encode()
		}
		b.ReportMetric(float64(len(row)), "bytes")
		b.ReportMetric(float64(len(r.pair.Base)), "fields")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := pair.Decode(row); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkContact is what is computed for a whole contact, every field on both sides.
func BenchmarkContact(b *testing.B) {
	r := newRossi(b)
	fields := r.mapping.Fields(crm.Contact)
	b.Run("canonical", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			for _, f := range fields {
				h, err1 := f.Canon(crm.HubSpot, r.hubspot.Value(f.Name))
				z, err2 := f.Canon(crm.Zoho, r.zoho.Value(f.Name))
				if err1 != nil || err2 != nil {
					b.Fatal(err1, err2)
				}
				f.Equal(h, z)
			}
		}
	})
	b.Run("hashes", func(b *testing.B) {
		hasher := pair.Hasher{Key: crm.NewSecret("0123456789abcdef0123456789abcdef"), KeyID: 1}
		b.ReportAllocs()
		for b.Loop() {
			for _, f := range fields {
				hasher.Raw(crm.HubSpot, f.Name, r.hubspot.Value(f.Name))
				hasher.Raw(crm.Zoho, f.Name, r.zoho.Value(f.Name))
			}
		}
	})
}

// BenchmarkDecision is the decision about one field.
func BenchmarkDecision(b *testing.B) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	hubspot := merge.Side{Value: crm.Text("Buyer"), Changed: true, At: at.Add(time.Minute)}
	zoho := merge.Side{Value: crm.Text("Head of Purchasing"), Changed: true, At: at}
	still := merge.Side{Value: crm.Text("Head of Purchasing")}
	for _, bm := range []struct {
		name  string
		field merge.Field
	}{
		{"equal", merge.Field{Policy: crm.Newest, Equal: true, BaseKnown: true, HubSpot: hubspot, Zoho: zoho}},
		{"one edit", merge.Field{Policy: crm.Newest, BaseKnown: true, HubSpot: hubspot, Zoho: still}},
		{"two edits", merge.Field{Policy: crm.Newest, BaseKnown: true, Timed: true, HubSpot: hubspot, Zoho: zoho}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			for b.Loop() {
				merge.Decide(bm.field)
			}
		})
	}
}
