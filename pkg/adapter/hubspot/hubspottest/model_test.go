package hubspottest_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/crm"

	"pgregory.net/rapid"
)

func TestAStaleReadIsWhatAReadSaidThen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := open(t, hubspottest.Options{Burst: -1, KeepPrimary: rapid.Bool().Draw(rt, "keep primary")})
		ids := []string{d.create(crm.Contacts, "email", "a@example.com"), d.create(crm.Contacts, "email", "b@example.com"), d.create(crm.Contacts, "email", "c@example.com")}
		type seen struct {
			at  time.Time
			url string
			got string
		}
		var log []seen
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			d.pass(time.Duration(rapid.IntRange(1, 3000).Draw(rt, "ms")) * time.Millisecond)
			id := rapid.SampledFrom(ids).Draw(rt, "id")
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				d.Merge(crm.Contacts, id, rapid.SampledFrom(ids).Draw(rt, "other"))
			case 1:
				d.Delete(crm.Contacts, id)
			case 2:
				d.Restore(crm.Contacts, id)
			default:
				d.app("PATCH", contacts+"/"+id, write("city", rapid.SampledFrom([]string{"Roma", "Bari", ""}).Draw(rt, "city")))
			}
			url := contacts + "/" + id + "?properties=email,city,hs_merged_object_ids&propertiesWithHistory=city"
			if r := d.user("GET", url, ""); r.status == 200 {
				log = append(log, seen{d.time, url, r.text})
			}
		}
		for _, s := range log {
			if s.at.Equal(d.time) {
				continue
			}
			d.Fail(hubspottest.Fault{Stale: d.time.Sub(s.at)})
			if got := d.user("GET", s.url, ""); got.text != s.got {
				rt.Fatalf("as of %v: %s\nthen: %s", s.at, got.text, s.got)
			}
		}
	})
}

func TestTheIndexFindsWhatAScanFinds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := open(t, hubspottest.Options{SearchRate: -1, Burst: -1, SearchLag: time.Second})
		hosts := []string{"a.example.com", "b.example.com", "c.example.com"}
		host := func() string { return rapid.SampledFrom(hosts).Draw(rt, "host") }
		var ids []string
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			d.pass(300 * time.Millisecond)
			if len(ids) == 0 || rapid.Bool().Draw(rt, "new") {
				ids = append(ids, d.create(crm.Companies, "domain", host()))
				continue
			}
			d.Edit(crm.Companies, rapid.SampledFrom(ids).Draw(rt, "id"), map[string]string{"domain": host(), "name": "x"})
		}
		for _, h := range hosts {
			indexed := d.app("POST", companies+"/search", search("domain", "EQ", h))
			scanned := d.app("POST", companies+"/search", `{"filterGroups":[{"filters":[{"propertyName":"domain","operator":"BETWEEN","value":"`+h+`","highValue":"`+h+`"}]}],"properties":["email","domain"],"sorts":[],"limit":100,"after":"0"}`)
			if indexed.text != scanned.text {
				rt.Fatalf("index %s\nscan %s", indexed.text, scanned.text)
			}
		}
	})
}

func FuzzABodyNeverBreaksTheServer(f *testing.F) {
	paths := []string{contacts, contacts + "/search", contacts + "/batch/read", contacts + "/batch/create", contacts + "/batch/update", contacts + "/batch/archive",
		contacts + "/merge", contacts + "/gdpr-delete", "/crm/properties/2026-09/contacts", "/crm/associations/2026-09/contacts/companies/batch/read"}
	for i, body := range []string{write("email", "a@example.com"), search("email", "EQ", "a"), batchRead(2, 1), `{"inputs":[null]}`, `{"inputs":[{"id":"1","properties":null}]}`,
		`null`, `[]`, `{"properties":{"email":null,"phone":[1]}}`, `{"limit":-1,"after":9223372036854775807}`, `{"after":"10000","limit":200}`} {
		f.Add(i, []byte(body))
	}
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, which int, body []byte) {
		s := hubspottest.New(hubspottest.Options{Now: func() time.Time { return now }, SearchRate: -1})
		s.Create(crm.Contacts, map[string]string{"email": "a@example.com"})
		for _, token := range []string{hubspottest.DefaultToken, hubspottest.DefaultUserToken} {
			req, err := http.NewRequest("POST", "https://api.hubapi.com"+paths[max(which, -which-1)%len(paths)], bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			resp, err := s.Transport().RoundTrip(req)
			if err != nil || resp.StatusCode >= 500 {
				t.Fatalf("answer %v, %v", resp, err)
			}
		}
	})
}
