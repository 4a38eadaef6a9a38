package zoho_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

const rossi = `{"id":"4876876000001234567","Last_Name":"Rossi","First_Name":null,"Email":"rossi@example.com",
"Account_Name":{"name":"Prova S.r.l.","id":"4876876000000099999"},"Owner":{"name":"Anna","id":"4876876000000225013","email":"anna@example.com"},
"Lead_Source":"Partner","HubSpot_Id":"151","Created_Time":"2026-11-01T08:00:00+01:00","Modified_Time":"2026-11-20T10:15:01+01:00"}`

func TestAReadTellsValueEmptyAndUnknownApart(t *testing.T) {
	c, f := client(t, always(ok(`{"data":[`+rossi+`],"info":{"more_records":false}}`)))
	readings, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idTwo, idOne, "abc", idOne}, Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	var gone []bool
	for _, r := range readings {
		gone = append(gone, r.Gone)
	}
	if fmt.Sprint(gone) != "[true false true false]" {
		t.Errorf("gone %v", gone)
	}
	r := readings[1].Record
	want := map[crm.Field]crm.Value{
		"last_name": crm.Text("Rossi"), "first_name": crm.Empty(), "email": crm.Text("rossi@example.com"), "phone": crm.Unknown(),
		"source": crm.Text("Partner"), "company": crm.Text("4876876000000099999"), "owner": crm.Text("anna@example.com"),
	}
	for field, v := range want {
		if r.Fields[field] != v {
			t.Errorf("%s is %q, want %q", field, r.Fields[field].Text(), v.Text())
		}
	}
	if r.ID != contact(idOne) || r.HubSpotID != "151" || r.Modified.String() != "2026-11-20 09:15:01 +0000 UTC" || r.Label != "" {
		t.Errorf("%+v", r)
	}
	q := f.asked[0]
	if len(f.asked) != 1 || q.path != "/crm/v8/Contacts" || q.query.Get("ids") != idTwo+","+idOne ||
		q.query.Get("fields") != "id,Created_Time,Modified_Time,HubSpot_Id,Last_Name,First_Name,Email,Phone,Lead_Source,Account_Name,Owner" ||
		q.header.Get("Authorization") != "Zoho-oauthtoken canary-1" {
		t.Errorf("asked %+v", f.asked)
	}
}

func TestLongReadsAreSplitAndPutTogether(t *testing.T) {
	var wide []crm.Column
	for i := range 60 {
		wide = append(wide, crm.Column{Field: crm.Field(fmt.Sprint("f", i)), Property: fmt.Sprint("P", i)})
	}
	var keys []string
	for i := range 150 {
		keys = append(keys, fmt.Sprint(4876876000001000000+i))
	}
	c, f := client(t, func(q request) reply {
		ids, names := strings.Split(q.query.Get("ids"), ","), strings.Split(q.query.Get("fields"), ",")
		if len(ids) > 100 || len(names) > 50 {
			t.Errorf("%d ids and %d fields in one call", len(ids), len(names))
		}
		var rows []string
		for _, id := range ids {
			row := `{"id":"` + id + `","Modified_Time":"2026-11-20T10:15:0` + fmt.Sprint(len(names)%10) + `+01:00"`
			for _, n := range names {
				if strings.HasPrefix(n, "P") {
					row += `,"` + n + `":"` + n + ` of ` + id + `"`
				}
			}
			rows = append(rows, row+"}")
		}
		return ok(`{"data":[` + strings.Join(rows, ",") + `]}`)
	})
	readings, err := c.Read(t.Context(), crm.Query{Module: crm.Companies, Keys: keys, Columns: wide})
	if err != nil || len(readings) != 150 || len(f.asked) != 4 {
		t.Fatalf("%v, %d readings, %d calls", err, len(readings), len(f.asked))
	}
	for i, r := range readings {
		if r.Record.ID.Key != keys[i] || r.Record.Fields["f0"] != crm.Text("P0 of "+keys[i]) || r.Record.Fields["f59"] != crm.Text("P59 of "+keys[i]) {
			t.Fatalf("reading %d is %v", i, r)
		}
		if r.Record.Modified.Second() != 0 {
			t.Fatal("Modified is not the earliest")
		}
	}
}

func TestOneWrongIDDoesNotTakeTheOthersAlong(t *testing.T) {
	wrong := idTwo
	c, f := client(t, func(q request) reply {
		ids := strings.Split(q.query.Get("ids"), ",")
		if slices.Contains(ids, wrong) {
			return recorded(t, "any.400.id.json")
		}
		return ok(`{"data":[{"id":"` + strings.Join(ids, `"},{"id":"`) + `"}]}`)
	})
	keys := []string{"4876876000000000001", idOne, wrong, "4876876000000000002"}
	readings, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range readings {
		if r.Gone != (keys[i] == wrong) || r.Record.ID.Key != keys[i] {
			t.Errorf("%s: gone %v", keys[i], r.Gone)
		}
	}
	if len(f.asked) != 5 {
		t.Errorf("%d calls", len(f.asked))
	}
}

func TestAStateThatBlocksWritesIsNamed(t *testing.T) {
	for body, want := range map[string]string{
		`"$in_merge":true`:                           "in merge",
		`"Locked__s":true`:                           "locked",
		`"$approval_state":"review_process_waiting"`: "review_process_waiting",
		`"$approval_state":"approved"`:               "",
	} {
		c, _ := client(t, always(ok(`{"data":[{"id":"`+idOne+`",`+body+`}]}`)))
		r, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}})
		if err != nil || r[0].Record.Label != want {
			t.Errorf("%s gives %q, %v", body, r[0].Record.Label, err)
		}
	}
}

func TestAModuleThatZohoDoesNotHaveIsOurFault(t *testing.T) {
	c, f := client(t, always(reply{status: 204}))
	if _, err := c.Read(t.Context(), crm.Query{Module: "deal", Keys: []string{idOne}}); fault.KindOf(err) != fault.Ours || len(f.asked) != 0 {
		t.Error(err)
	}
}

var texts = []crm.Column{{Field: "bio", Property: "Bio", Type: crm.TypeText}, {Field: "note", Property: "Note", Type: crm.TypeText}, {Field: "stage", Property: "Stage", Type: crm.TypePicklist}}

func TestATextThatMayBeCutIsReadInFull(t *testing.T) {
	whole := strings.Repeat("à", 1200)
	for name, tt := range map[string]struct {
		bio, note, full string
		calls           int
		want            crm.Value
	}{
		"short":                        {strings.Repeat("à", 230), "n", "", 1, crm.Text(strings.Repeat("à", 230))},
		"long, so a list cut nothing":  {whole, "n", "", 1, crm.Text(whole)},
		"cut":                          {strings.Repeat("à", 500), "n", `{"data":[{"id":"` + idOne + `","Bio":"` + whole + `"}]}`, 2, crm.Text(whole)},
		"cut with a mark":              {strings.Repeat("à", 500) + "...", "n", `{"data":[{"id":"` + idOne + `","Bio":"` + whole + `"}]}`, 2, crm.Text(whole)},
		"cut, counted in UTF-16":       {strings.Repeat("🌸", 250), "n", `{"data":[{"id":"` + idOne + `","Bio":"` + whole + `"}]}`, 2, crm.Text(whole)},
		"no formatted text":            {strings.Repeat("à", 500), "n", `{"data":[{"id":"` + idOne + `"}]}`, 2, crm.Text(strings.Repeat("à", 500))},
		"emptied meanwhile":            {strings.Repeat("à", 500), "n", `{"data":[{"id":"` + idOne + `","Bio":null}]}`, 2, crm.Empty()},
		"two of them are one call":     {strings.Repeat("à", 500), strings.Repeat("n", 499), `{"data":[{"id":"` + idOne + `","Bio":"` + whole + `"}]}`, 2, crm.Text(whole)},
		"another record's is not ours": {strings.Repeat("à", 500), "n", `{"data":[{"id":"` + idTwo + `","Bio":"x"}]}`, 2, crm.Text(strings.Repeat("à", 500))},
	} {
		c, f := client(t, func(q request) reply {
			switch q.path {
			case "/crm/v8/Contacts":
				return ok(`{"data":[{"id":"` + idOne + `","Bio":"` + tt.bio + `","Note":"` + tt.note + `","Stage":"` + strings.Repeat("s", 500) + `"}]}`)
			case "/crm/v8/Contacts/" + idOne + "/actions/fetch_full_data":
				return ok(tt.full)
			}
			t.Errorf("%s: asked %s", name, q.path)
			return reply{status: 404}
		})
		r, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}, Columns: texts})
		if err != nil || r[0].Record.Fields["bio"] != tt.want || len(f.asked) != tt.calls {
			t.Errorf("%s: %v, %d characters known %t, %d calls", name, err, len([]rune(r[0].Record.Fields["bio"].Text())), r[0].Record.Fields["bio"].Known(), len(f.asked))
		}
	}
}

func TestHalfATextIsNoValue(t *testing.T) {
	for name, tt := range map[string]struct {
		answer reply
		kind   fault.Kind // of the read; Unknown: it succeeds and the text is unknown
	}{
		"refused":  {recorded(t, "any.400.data.json"), 0},
		"no route": {recorded(t, "any.404.pattern.json"), 0},
		"missing":  {recorded(t, "any.404.not_found.json"), 0},
		"down":     {reply{status: 503, body: "<html>"}, fault.Down},
		"no scope": {recorded(t, "any.401.scope.json"), fault.Setup},
		"throttle": {recorded(t, "any.429.requests.json"), fault.Throttled},
	} {
		c, _ := client(t, func(q request) reply {
			if q.path == "/crm/v8/Contacts" {
				return ok(`{"data":[{"id":"` + idOne + `","Bio":"` + strings.Repeat("b", 500) + `","Note":"n"}]}`)
			}
			return tt.answer
		})
		r, err := c.Read(t.Context(), crm.Query{Module: crm.Contacts, Keys: []string{idOne}, Columns: texts})
		if tt.kind != 0 {
			if fault.KindOf(err) != tt.kind {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || r[0].Gone || r[0].Record.Fields["bio"].Known() || r[0].Record.Fields["note"] != crm.Text("n") {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
	}
}

func TestAnAmountOfAnotherCurrencyThanHomeComesWithItsCode(t *testing.T) {
	revenue := []crm.Column{{Field: "revenue", Property: "Annual_Revenue", Type: crm.TypeMoney, Home: "EUR"}}
	for row, want := range map[string]crm.Value{
		`"Annual_Revenue":1000,"Currency":"USD"`: crm.Text("1000 USD"), `"Annual_Revenue":null,"Currency":"USD"`: crm.Text(" USD"),
		`"Annual_Revenue":1000,"Currency":"EUR"`: crm.Text("1000"), `"Annual_Revenue":null,"Currency":"EUR"`: crm.Empty(),
		`"Annual_Revenue":1000`: crm.Text("1000"), `"Annual_Revenue":1000,"Currency":null`: crm.Text("1000"), `"Currency":"USD"`: crm.Unknown(),
	} {
		c, f := client(t, always(ok(`{"data":[{"id":"`+idOne+`",`+row+`}]}`)))
		got, err := c.Read(t.Context(), crm.Query{Module: crm.Companies, Keys: []string{idOne}, Columns: revenue})
		if err != nil || got[0].Record.Value("revenue") != want {
			t.Errorf("%s is %q, %v, want %q", row, got[0].Record.Value("revenue").Text(), err, want.Text())
		}
		if len(f.asked) != 1 || !strings.HasSuffix(f.asked[0].query.Get("fields"), ",Annual_Revenue,Currency") {
			t.Errorf("asked %+v", f.asked)
		}
	}
}

func TestAReadThatIsRefusedForTheCurrencyIsAskedOnceMoreWithoutIt(t *testing.T) {
	columns := []crm.Column{{Field: "revenue", Property: "Annual_Revenue", Type: crm.TypeMoney, Home: "EUR"}}
	c, f := client(t, func(q request) reply {
		if strings.Contains(q.query.Get("fields"), "Currency") {
			return reply{status: 400, body: `{"code":"INVALID_DATA","details":{"param_name":"fields"},"message":"invalid data","status":"error"}`}
		}
		return ok(`{"data":[{"id":"` + idOne + `","Annual_Revenue":1000}]}`)
	})
	for range 2 {
		got, err := c.Read(t.Context(), crm.Query{Module: crm.Companies, Keys: []string{idOne}, Columns: columns})
		if err != nil || got[0].Gone || got[0].Record.Value("revenue") != crm.Text("1000") {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if len(f.asked) != 3 {
		t.Errorf("%d calls, want 3: the refusal is remembered", len(f.asked))
	}
	c, f = client(t, always(reply{status: 400, body: `{"code":"INVALID_DATA","details":{},"message":"invalid data","status":"error"}`}))
	if _, err := c.Read(t.Context(), crm.Query{Module: crm.Companies, Keys: []string{idOne}, Columns: columns}); fault.KindOf(err) != fault.Refused || len(f.asked) != 2 {
		t.Errorf("what is refused with and without: %v after %d calls", err, len(f.asked))
	}
}

func TestWideReadsWithMoneyKeepWithinWhatOneCallTakes(t *testing.T) {
	wide := []crm.Column{{Field: "revenue", Property: "Annual_Revenue", Type: crm.TypeMoney}}
	for i := range 45 {
		wide = append(wide, crm.Column{Field: crm.Field(fmt.Sprint("f", i)), Property: fmt.Sprint("P", i)})
	}
	c, f := client(t, always(ok(`{"data":[{"id":"`+idOne+`"}]}`)))
	if _, err := c.Read(t.Context(), crm.Query{Module: crm.Companies, Keys: []string{idOne}, Columns: wide}); err != nil {
		t.Fatal(err)
	}
	for _, q := range f.asked {
		if n := len(strings.Split(q.query.Get("fields"), ",")); n > 50 {
			t.Errorf("%d fields in one call", n)
		}
	}
}
