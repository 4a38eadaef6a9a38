package zoho_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/zoho"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// channel returns a source with two channels, as during a change of the token.
func channel() *zoho.Channel {
	return zoho.NewChannel(zoho.ChannelConfig{
		Keys: func(context.Context) ([]zoho.ChannelKey, error) {
			return []zoho.ChannelKey{
				{ID: "1000000068001", Token: crm.NewSecret("canary-old")},
				{ID: "1000000068002", Token: crm.NewSecret("canary-new")},
				{ID: "1000000068003"},
			}, nil
		},
		Now: now,
		Fields: func(context.Context) (map[crm.Module][]string, error) {
			return map[crm.Module][]string{crm.Contacts: {"Last_Name", "Mobile"}}, nil
		},
	})
}

func notice(operation, more string) door.Request {
	return door.Request{Method: "POST", Path: zoho.Path, Body: []byte(`{"server_time":1763640953625,"query_params":{},"module":"Contacts",
		"resource_uri":"https://www.zohoapis.com/crm/v2/Contacts","operation":"` + operation + `","channel_id":"1000000068001","token":"canary-old"` + more + `}`)}
}

func TestOnlyTheTokenOfTheChannelItNamesMakesANotificationAuthentic(t *testing.T) {
	for body, want := range map[string]error{
		`{"token":"canary-old","channel_id":"1000000068001"}`:   nil,
		`{"token":"canary-new","channel_id":1000000068002}`:     nil,
		`{"token":"canary-new","channel_id":"1000000068001"}`:   door.ErrForged,
		`{"token":"canary-old","channel_id":"1000000068004"}`:   door.ErrForged,
		`{"token":"canary-ol","channel_id":"1000000068001"}`:    door.ErrForged,
		`{"token":"","channel_id":"1000000068003"}`:             door.ErrForged,
		`{"token":null,"channel_id":"1000000068001"}`:           door.ErrForged,
		`{"channel_id":"1000000068001"}`:                        door.ErrForged,
		`{"token":["canary-old"],"channel_id":"1000000068001"}`: door.ErrForged,
		`{}`:           door.ErrForged,
		`[]`:           door.ErrMalformed,
		`"canary-old"`: door.ErrMalformed,
		``:             door.ErrMalformed,
		`{"token":"canary-old","channel_id":"1000000068001"}{}`:                      door.ErrMalformed,
		`{"token":"x","Token":"canary-old","channel_id":"1000000068001"}`:            door.ErrMalformed,
		`{"token":"canary-old","channel_id":"1","x":` + strings.Repeat("[", 40):      door.ErrMalformed,
		"{\"token\":\"canary-old\",\"channel_id\":\"1000000068001\",\"x\":\"\xff\"}": door.ErrMalformed,
	} {
		err := channel().Verify(t.Context(), door.Request{Body: []byte(body)})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("the token is in %v", err)
		}
	}
}

func TestALostTokenIsADoubtAndNotAForgery(t *testing.T) {
	for name, keys := range map[string]func(context.Context) ([]zoho.ChannelKey, error){
		"unreadable": func(context.Context) ([]zoho.ChannelKey, error) { return nil, errReset },
		"none":       func(context.Context) ([]zoho.ChannelKey, error) { return nil, nil },
		"empty":      func(context.Context) ([]zoho.ChannelKey, error) { return []zoho.ChannelKey{{ID: "1000000068001"}}, nil },
	} {
		err := zoho.NewChannel(zoho.ChannelConfig{Keys: keys, Now: now}).Verify(t.Context(), notice("update", ""))
		if err == nil || errors.Is(err, door.ErrForged) || errors.Is(err, door.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestANotificationBecomesOneOperationARecord(t *testing.T) {
	d, err := channel().Read(t.Context(), notice("update", `,"ids":["`+idOne+`",`+idTwo+`,"`+idOne+`","x",null,{}],
		"affected_fields":[{"`+idOne+`":["Mobile","Last_Name","Mobile","not a name"]},{"`+idTwo+`":["Full_Name","Mobile"]}],
		"affected_values":[{"record_id":"`+idOne+`","values":{"Mobile":"123"}}]`))
	if err != nil || len(d.Operations) != 2 || d.Events != 6 || d.Unreadable != 3 || d.Ignored != 0 {
		t.Fatalf("%+v %v", d, err)
	}
	op := d.Operations[0]
	if len(op.ID) != 32 || op.ID == d.Operations[1].ID {
		t.Errorf("ids %s and %s", op.ID, d.Operations[1].ID)
	}
	op.ID = ""
	want := crm.Operation{V: 1, Connection: "main", Source: crm.Zoho, Kind: crm.Contact, Module: crm.Contacts, Verb: crm.Update, RecordID: idOne,
		Fields: []string{"Last_Name", "Mobile"}, OccurredAt: time.UnixMilli(1763640953625).UTC(), ReceivedAt: noon}
	if fmt.Sprint(op) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", op, want)
	}
	if d.Operations[1].RecordID != idTwo {
		t.Errorf("an id that came as a number is %s", d.Operations[1].RecordID)
	}
}

func TestTheSameNotificationGivesTheSameOperationAndALaterOneAnother(t *testing.T) {
	id := func(r door.Request) string {
		d, err := channel().Read(t.Context(), r)
		if err != nil || len(d.Operations) != 1 {
			t.Fatalf("%+v %v", d, err)
		}
		return d.Operations[0].ID
	}
	ids := `,"ids":["` + idOne + `"]`
	first, again, other := id(notice("update", ids)), id(notice("update", ids)), id(notice("delete", ids))
	later := notice("update", ids)
	later.Body = []byte(strings.Replace(string(later.Body), "1763640953625", "1763640953626", 1))
	if first != again || first == other || first == id(later) {
		t.Error(first, again, other)
	}
}

func TestVerbsAndWhatIsIgnored(t *testing.T) {
	ids := `,"ids":["` + idOne + `"]`
	for _, tt := range []struct {
		operation, more string
		want            string
	}{
		{"insert", ids + `,"affected_fields":[]`, "create"},
		{"update", ids, "update"},
		{"delete", ids + `,"affected_fields":[{"` + idOne + `":["Record_Status__s"]}]`, "delete"},
		{"undo", ids, "update"},
		{"", ids, "update"},
		{"insert", ids + `,"affected_fields":[{"` + idOne + `":["Full_Name"]}]`, "create"},
		{"update", ids + `,"affected_fields":[{"` + idOne + `":["Full_Name","Modified_By"]}]`, "ignored"},
		{"update", ids + `,"affected_fields":[{"` + idOne + `":["HubSpot_Id"]}]`, "update"},
		{"update", ids + `,"affected_fields":[{"` + idTwo + `":["Full_Name"]}]`, "update"},
		{"update", ids + `,"affected_fields":{"` + idOne + `":["Full_Name"]}`, "update"},
		{"update", ids + `,"affected_fields":[{"` + idOne + `":"Full_Name"}]`, "update"},
	} {
		d, err := channel().Read(t.Context(), notice(tt.operation, tt.more))
		got := "ignored"
		if len(d.Operations) == 1 {
			got = string(d.Operations[0].Verb)
		}
		if err != nil || got != tt.want || d.Ignored+len(d.Operations) != 1 {
			t.Errorf("%s%s: %s, %v, want %s", tt.operation, tt.more, got, err, tt.want)
		}
	}
}

func TestModulesThatNobodyAskedForAreIgnoredAndOnesWithoutAMappingAreNot(t *testing.T) {
	for module, want := range map[string]string{"Leads": "1 0", "Deals": "1 0", "Accounts": "0 1"} {
		r := notice("update", `,"ids":["`+idOne+`"],"affected_fields":[{"`+idOne+`":["Anything"]}]`)
		r.Body = []byte(strings.Replace(string(r.Body), `"Contacts"`, `"`+module+`"`, 1))
		d, err := channel().Read(t.Context(), r)
		if got := fmt.Sprint(d.Ignored, len(d.Operations)); err != nil || got != want {
			t.Errorf("%s: %s, %v", module, got, err)
		}
	}
}

func TestWhenTheMappingIsNotKnownNothingIsIgnored(t *testing.T) {
	for _, fields := range []func(context.Context) (map[crm.Module][]string, error){
		nil, func(context.Context) (map[crm.Module][]string, error) { return nil, errReset },
	} {
		c := zoho.NewChannel(zoho.ChannelConfig{Now: now, Fields: fields, Connection: "shop"})
		d, err := c.Read(t.Context(), notice("update", `,"ids":["`+idOne+`"],"affected_fields":[{"`+idOne+`":["Full_Name"]}]`))
		if err != nil || len(d.Operations) != 1 || d.Operations[0].Connection != "shop" {
			t.Errorf("%+v %v", d, err)
		}
	}
}

func TestATimeThatCannotBeIsNoTime(t *testing.T) {
	for text, year := range map[string]int{`"1763640953625"`: 2025, `-1`: 1, `1763640953`: 1, `99999999999999999`: 1, `1.5`: 1, `null`: 1, `"soon"`: 1} {
		r := notice("update", `,"ids":["`+idOne+`"]`)
		r.Body = []byte(strings.Replace(string(r.Body), "1763640953625", text, 1))
		d, err := channel().Read(t.Context(), r)
		if err != nil || d.Operations[0].OccurredAt.Year() != year {
			t.Errorf("%s: %v, %v", text, d.Operations[0].OccurredAt, err)
		}
	}
}

func TestALongValueKeepsNoNotificationOut(t *testing.T) {
	for name, value := range map[string]string{"32,000 characters of three bytes": strings.Repeat("語", 32_000), "every one escaped": strings.Repeat(`\u8a9e`, 32_000)} {
		r := notice("update", `,"ids":["4876876000000333013"],"affected_fields":[{"4876876000000333013":["Mobile"]}],`+
			`"affected_values":[{"record_id":"4876876000000333013","values":{"Description":"`+value+`"}}]`)
		if err := channel().Verify(t.Context(), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		d, err := channel().Read(t.Context(), r)
		if err != nil || len(d.Operations) != 1 {
			t.Fatalf("%s: %d operations, %v", name, len(d.Operations), err)
		}
		if text := fmt.Sprintf("%+v", d); len(text) > 1000 {
			t.Errorf("%s: %d characters came out", name, len(text))
		}
	}
}

func TestAStrangersThousandsOfKeysAreNotLookedThrough(t *testing.T) {
	var keys strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&keys, `,"k%d":0`, i)
	}
	if err := channel().Verify(t.Context(), notice("update", keys.String())); !errors.Is(err, door.ErrMalformed) {
		t.Errorf("Verify = %v", err)
	}
}

func TestABodyOfAnotherShapeIsUnreadable(t *testing.T) {
	for _, body := range []string{`{}`, `[]`, `{"module":"Contacts"}`, `{"module":"Contacts","ids":[]}`, `{"module":"Contacts","ids":"x"}`, `{"module":7,"ids":["1"]}`, `{`} {
		if _, err := channel().Read(t.Context(), door.Request{Body: []byte(body)}); !errors.Is(err, door.ErrUnreadable) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
