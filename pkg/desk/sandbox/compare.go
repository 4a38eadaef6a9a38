package sandbox

import (
	"context"
	"fmt"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/mapping"
	"crm-connector/pkg/core/pair"
)

// Pairs returns every pair of the suite.
func (s *Suite) Pairs() ([]pair.Pair, error) {
	var out []pair.Pair
	for r := range s.Tables[Pairs].All("P#") {
		p, err := pair.Decode(r.Value)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Differences reads both records of every living pair from the CRMs and names the fields that differ although both sides
// would take the same, held fields and one-way policies left out. An empty list says that everything is in step.
func (s *Suite) Differences(ctx context.Context, m *mapping.Mapping) ([]string, error) {
	pairs, err := s.Pairs()
	if err != nil {
		return nil, err
	}
	of := map[crm.ID]string{} // records to their pairs
	for _, p := range pairs {
		of[p.Record(crm.HubSpot)], of[p.Record(crm.Zoho)] = p.ID, p.ID
	}
	var out []string
	for _, p := range pairs {
		if p.State != pair.Living {
			continue
		}
		h, err := s.HubSpot.Read(ctx, crm.Query{Module: p.Kind.Home(), Keys: []string{p.HubSpot}, Columns: m.Columns(p.Kind, crm.HubSpot)})
		if err != nil {
			return nil, err
		}
		z, err := s.Zoho.Read(ctx, crm.Query{Module: p.Kind.Home(), Keys: []string{p.Zoho}, Columns: m.Columns(p.Kind, crm.Zoho)})
		if err != nil {
			return nil, err
		}
		if h[0].Gone || z[0].Gone {
			out = append(out, fmt.Sprintf("%s of pair %s is gone", p.Kind, p.ID))
			continue
		}
		for _, f := range m.Fields(p.Kind) {
			if !differ(f, p, h[0].Record, z[0].Record, of) {
				continue
			}
			out = append(out, fmt.Sprintf("%s: %s and %s differ", f.Name, p.Record(crm.HubSpot), p.Record(crm.Zoho)))
		}
	}
	return out, nil
}

func differ(f mapping.Field, p pair.Pair, h, z crm.Record, of map[crm.ID]string) bool {
	if f.HubSpot.Property == "" || f.Zoho.Property == "" || f.Policy == crm.AtCreation || f.Policy == crm.ToZoho || f.Policy == crm.ToHubSpot {
		return false
	}
	if _, held := p.Held[pair.SlotOf(f.Name, f.HubSpot.Property, f.Zoho.Property)]; held {
		return false
	}
	hv, zv := h.Value(f.Name), z.Value(f.Name)
	if f.Type == crm.TypeCompany {
		company := func(sys crm.System, v crm.Value) string {
			return of[crm.ID{System: sys, Module: crm.Companies, Key: v.Text()}]
		}
		return company(crm.HubSpot, hv) != company(crm.Zoho, zv)
	}
	hc, err := f.Canon(crm.HubSpot, hv)
	zc, err2 := f.Canon(crm.Zoho, zv)
	if err != nil || err2 != nil || !hc.Known() || !zc.Known() || p.Invented.Known() && hc.IsEmpty() {
		return false
	}
	if (f.HubSpot.ReadOnly || f.Zoho.ReadOnly) && !f.Equal(hc, zc) {
		return false
	}
	return !f.Equal(hc, zc)
}
