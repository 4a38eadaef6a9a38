package zoho_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func TestChangedAsksForWhatLiesBehindTheLastIdAndTakesNoOtherOrder(t *testing.T) {
	since := time.Date(2026, 11, 20, 11, 0, 0, 0, time.FixedZone("CET", 3600))
	const rows = `{"data":[{"id":"` + idOne + `","Modified_Time":"2026-11-20T12:00:00+01:00"},{"id":"?"}],"info":{"more_records":true}}`
	c, f := client(t, always(ok(rows)))
	got, next, err := c.Changed(t.Context(), crm.Companies, since, "")
	want := crm.Touched{ID: crm.ID{System: crm.Zoho, Module: crm.Companies, Key: idOne}, Modified: time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)}
	if err != nil || len(got) != 1 || got[0] != want || next != idOne {
		t.Fatalf("%v, next %q, %v", got, next, err)
	}
	if got, _, err = c.Changed(t.Context(), crm.Companies, since, next); fault.KindOf(err) != fault.Down || got != nil {
		t.Errorf("a page that begins with the last id: %v, %v", got, err)
	}
	const body = `{"select_query":"select id, Modified_Time from Accounts where (Modified_Time \u003e= '2026-11-20T10:00:00+00:00' and id \u003e ` + idOne + `) order by id asc limit 0, 200"}`
	if q := f.asked[1]; q.path != "/crm/v8/coql" || q.body != body {
		t.Errorf("asked %s %s", q.path, q.body)
	}
}

func TestDeletedFollowsPagesAndThenTokens(t *testing.T) {
	since := time.Date(2026, 11, 20, 11, 0, 0, 0, time.FixedZone("CET", 3600))
	c, _ := client(t, func(q request) reply {
		if q.path != "/crm/v8/Accounts/deleted" || q.header.Get("If-Modified-Since") != "2026-11-20T10:00:00+00:00" {
			t.Errorf("%s %v %v", q.path, q.query, q.header)
		}
		row := `{"data":[{"id":"` + idOne + `","deleted_time":"2026-11-20T12:00:00+01:00"},{"id":"?"}],"info":`
		switch {
		case q.query.Get("page_token") == "a:b":
			return ok(row + `{"more_records":false}}`)
		case q.query.Get("page") == "2":
			return ok(row + `{"more_records":true,"next_page_token":"a:b"}}`)
		}
		return ok(row + `{"more_records":true}}`)
	})
	var cursors []string
	for page, first := "", true; first || page != ""; first = false {
		rows, next, err := c.Deleted(t.Context(), crm.Companies, since, page)
		if err != nil || len(rows) != 1 || rows[0].ID.Key != idOne {
			t.Fatalf("%v %v", rows, err)
		}
		page = next
		cursors = append(cursors, next)
	}
	if fmt.Sprint(cursors) != "[2 token:a:b ]" {
		t.Errorf("cursors %q", cursors)
	}
}

func TestNothingChangedIsNothing(t *testing.T) {
	for _, status := range []int{204, 304} {
		c, f := client(t, always(reply{status: status}))
		rows, next, err := c.Changed(t.Context(), crm.Contacts, time.Time{}, "")
		if err != nil || rows != nil || next != "" || strings.Contains(f.asked[0].body, "Modified_Time \\u003e") {
			t.Errorf("%d: %v %q %v", status, rows, next, err)
		}
		if rows, next, err = c.Deleted(t.Context(), crm.Contacts, noon, ""); err != nil || rows != nil || next != "" {
			t.Errorf("%d: %v %q %v", status, rows, next, err)
		}
	}
}

func TestDeletedListsBothKinds(t *testing.T) {
	c, f := client(t, always(ok(`{"data":[{"id":"`+idOne+`","type":"recycle","deleted_time":"2026-11-20T12:00:00+01:00","deleted_by":{"id":"1"}},
		{"id":"`+idTwo+`","type":"permanent","deleted_by":null,"display_name":null,"deleted_time":"2026-11-20T12:00:01+01:00"}],"info":{"more_records":false}}`)))
	rows, next, err := c.Deleted(t.Context(), crm.Contacts, noon, "3")
	if err != nil || next != "" || len(rows) != 2 || !rows[0].Deleted || rows[1].ID.Key != idTwo || rows[1].Modified.Second() != 1 {
		t.Errorf("%v %q %v", rows, next, err)
	}
	if q := f.asked[0]; q.path != "/crm/v8/Contacts/deleted" || q.query.Get("page") != "3" || q.query.Get("type") != "all" {
		t.Errorf("%+v", q)
	}
}
