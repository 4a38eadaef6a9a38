package zoho_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
	"crm-connector/pkg/core/fault"
)

// FuzzAnswer gives arbitrary answers to every question: each is understood or a fault, and nothing of it gets into an error.
func FuzzAnswer(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(200, body)
		f.Add(400, body)
	}
	f.Add(200, []byte(`{"data":[`+rossi+`]}`))
	f.Add(200, []byte(`{"data":[{"id":4876876000001234567,"Last_Name":1e400,"Owner":{"id":1},"Email":[1],"Account_Name":[{"id":"x"}]}],"info":{"more_records":true}}`))
	f.Add(200, []byte(`{"__timeline":[{"audited_time":"2026-11-20T10:00:00Z","field_history":[{"api_name":"Email"}]}]}`))
	f.Add(200, []byte(directory))
	f.Add(200, []byte(`{"access_token":"x","expires_in":1,"api_domain":"https://www.zohoapis.eu"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			status = 200
		}
		answer := reply{status: status, body: string(body)}
		c, _ := client(t, always(answer))
		_, err1 := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne, idTwo}, Columns: columns})
		_, err2 := c.Find(t.Context(), crm.Search{Module: crm.Contacts, HubSpotIDs: []string{"1"}, Columns: columns})
		_, err3 := c.Times(t.Context(), contact(idOne), columns)
		_, _, err4 := c.Changed(t.Context(), crm.Contacts, noon, "")
		r := c.Write(t.Context(), crm.Change{ID: contact(idOne), Columns: columns, Set: set("last_name", "Rossi", "owner", "a@example.com")})
		results, err5 := c.Create(t.Context(), []crm.Change{{ID: contact(""), HubSpotID: "1"}})
		if err5 == nil && results[0].Err == nil && results[0].ID.Key == "" {
			t.Error("a creation without an id")
		}
		a, _ := accounts(t, "", answer)
		access, err6 := a.Refresh(t.Context())
		if err6 == nil && (access.Token.IsZero() || !access.Expires.After(noon) || !strings.HasPrefix(access.Base, "https://")) {
			t.Errorf("a token that cannot be used: %v", access)
		}
		for _, err := range []error{err1, err2, err3, err4, r.Err, err5, err6} {
			if _, ok := errors.AsType[*fault.Error](err); err != nil && !ok {
				t.Errorf("%v is no fault", err)
			}
			if err != nil && len(err.Error()) > 4000*(1+len(body)/1000) {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		}
	})
}

// FuzzChannel gives arbitrary bodies to the reader of notifications.
func FuzzChannel(f *testing.F) {
	ids := `,"ids":["` + idOne + `",` + idTwo + `],"affected_fields":[{"` + idOne + `":["Mobile"]}]`
	for _, operation := range []string{"insert", "update", "delete", "undo"} {
		f.Add(notice(operation, ids).Body)
	}
	f.Add([]byte(`{"token":"canary-old","channel_id":"1000000068001","module":"Contacts","ids":[{}],"affected_fields":7,"server_time":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := channel()
		r := door.Request{Body: body}
		if err := c.Verify(t.Context(), r); err != nil && !errors.Is(err, door.ErrForged) && !errors.Is(err, door.ErrMalformed) {
			t.Errorf("a doubt about a body: %v", err)
		}
		d, err := c.Read(context.Background(), r)
		if err != nil {
			if !errors.Is(err, door.ErrUnreadable) || len(d.Operations) != 0 {
				t.Errorf("%+v, %v", d, err)
			}
			return
		}
		seen := map[string]bool{}
		for _, op := range d.Operations {
			if strings.Trim(op.RecordID, "0123456789") != "" || op.RecordID == "" || seen[op.RecordID] || op.ID == "" {
				t.Errorf("operation %+v", op)
			}
			seen[op.RecordID] = true
		}
		if d.Events < len(d.Operations)+d.Ignored+d.Unreadable {
			t.Errorf("counts do not add up: %+v", d)
		}
	})
}
