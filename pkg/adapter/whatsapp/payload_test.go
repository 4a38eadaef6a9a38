package whatsapp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"crm-connector/pkg/adapter/whatsapp"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/door"
)

// show writes what was read as the golden file has it: every part that is there.
func show(b *strings.Builder, u chat.Update) {
	fmt.Fprintf(b, "  account %s number %s display %s at %s\n", u.Account, u.Number, u.Display, u.At().Format("2006-01-02T15:04:05.000"))
	part := func(name string, v any) {
		text := fmt.Sprint(v)
		if value, ok := v.(crm.Value); ok {
			text = value.Text()
		}
		if text != "" && text != "false" && text != "0" && text != "[]" {
			fmt.Fprintf(b, "    %s=%q\n", name, text)
		}
	}
	person := func(name string, p chat.Person) {
		part(name+".user", p.User)
		part(name+".parent", p.Parent)
		part(name+".phone", p.Phone)
		part(name+".username", p.Username)
		part(name+".name", p.Name)
	}
	faults := func(all []chat.Error) {
		for _, e := range all {
			part("error", fmt.Sprintf("%d %s | %s", e.Code, e.Title.Text(), e.Details.Text()))
		}
	}
	switch {
	case u.Message != nil:
		m := *u.Message
		fmt.Fprintf(b, "    it: %s\n    en: %s\n", chat.Render(m, chat.Italian), chat.Render(m, chat.English))
		part("id", m.ID)
		person("from", m.From)
		part("type", m.Type)
		part("kind", m.Kind)
		part("group", m.Group)
		part("text", m.Text)
		part("more", m.More)
		part("choice", m.Choice)
		part("about", m.About)
		part("forwarded", m.Forwarded)
		part("catalog", m.Product.Catalog)
		part("article", m.Product.Article)
		part("ad", strings.Trim(strings.Join([]string{m.Ad.Source, m.Ad.ID, m.Ad.URL.Text(), m.Ad.Headline.Text(), m.Ad.Body.Text(), m.Ad.Click.Text()}, "|"), "|"))
		part("media", strings.TrimSpace(m.Media.ID+" "+m.Media.MIME+" "+m.Media.SHA256))
		part("filename", m.Media.Filename)
		part("voice", m.Media.Voice)
		part("animated", m.Media.Animated)
		person("changed", m.Changed)
		part("own phone", m.OwnPhone())
		faults(m.Errors)
	case u.Status != nil:
		s := *u.Status
		part("id", s.ID)
		part("state", s.State)
		person("to", s.To)
		part("group", s.Group)
		part("callback", s.Callback)
		part("category", s.Category)
		part("billing", s.Billing)
		faults(s.Errors)
	case u.Preference != nil:
		part("preference", u.Preference.Category+" "+u.Preference.Value)
		person("from", u.Preference.From)
		part("detail", u.Preference.Detail)
	case u.Notice != nil:
		part("field", u.Notice.Field)
		part("event", u.Notice.Event)
		for _, d := range u.Notice.Details {
			part(d.Name, d.Value)
		}
		faults(u.Notice.Errors)
	}
}

func TestEveryRecordedDeliveryReadsAsItsFieldsSay(t *testing.T) {
	all := samples(t)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		got, list := read(t, all[name])
		d := got
		fmt.Fprintf(&b, "%s: %d events, %d ignored, %d unreadable, %d queue messages\n", name, d.Events, d.Ignored, d.Unreadable, len(got.Entries))
		for _, u := range list {
			show(&b, u)
		}
		if d.Events != len(list)+d.Ignored+d.Unreadable || len(d.Operations) > 0 {
			t.Errorf("%s: %d events, %d updates, %d ignored, %d unreadable", name, d.Events, len(list), d.Ignored, d.Unreadable)
		}
	}
	golden(t, "testdata/readings.golden", b.String())
}

func TestABodyThatIsNoneOfWhatsAppsGoesToQuarantine(t *testing.T) {
	for _, body := range []string{
		``, `{}`, `[]`, `null`, `7`, `{"object":"page","entry":[{"id":"1","changes":[]}]}`, `{"object":"whatsapp_business_account"}`,
		`{"object":"whatsapp_business_account","entry":[]}`, `{"object":"whatsapp_business_account","entry":"canary"}`,
		`{"object":"whatsapp_business_account","entry":[{"changes":[{"field":7}]}]}`,
		`{"object":"whatsapp_business_account","entry":[{}],"Entry":[]}`, `{"object":"whatsapp_business_account","entry":[{}]}x`,
		`{"object":"whatsapp_business_account","entry":` + strings.Repeat("[", 100000), `{"object":` + strings.Repeat("1", 1000000) + `}`, "{\"object\":\"\xff\"}",
	} {
		_, err := source().Read(t.Context(), door.Request{Method: "POST", Body: []byte(body)})
		if !errors.Is(err, door.ErrUnreadable) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%.60s: %v", body, err)
		}
	}
}

func TestABodyWhoseListsAreLongerThanAnyOfWhatsAppsGoesToQuarantineUnread(t *testing.T) {
	body := func(field, value string) string {
		return `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"` + field + `","value":` + value + `}]}]}`
	}
	list := func(one string, n int) string { return "[" + strings.Repeat(one+",", n-1) + one + "]" }
	order := `{"from":"393471234567","id":"w","timestamp":"1795190400","type":"order","order":{"product_items":` + list(`{"quantity":"1"}`, 15) + `}}`
	said := `{"from":"393471234567","id":"w","timestamp":"1795190400","type":"text","text":{"body":"` + strings.Repeat(`[1, \"2,`, 6000) + `"}}`
	for name, c := range map[string]struct {
		body  string
		taken bool
	}{
		"messages of nothing":           {body("messages", `{"messages":`+list("{}", 900_000)+`}`), false},
		"statuses of texts":             {body("messages", `{"statuses":`+list(`""`, 25_000)+`}`), false},
		"errors of one message":         {body("messages", `{"messages":[{"id":"w","errors":`+list("{}", 25_000)+`}]}`), false},
		"lists in lists":                {body("messages", `{"messages":`+list(list("7", 1000), 25)+`}`), false},
		"in a field that nobody knows":  {body("new", list("{}", 25_000)), false},
		"changes":                       {`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":` + list(`{"field":"x","value":{}}`, 25_000) + `}]}`, false},
		"of many entries together":      {`{"object":"whatsapp_business_account","entry":` + list(`{"changes":[{"field":"messages","value":{"messages":`+list("{}", 900)+`}}]}`, 25) + `}`, false},
		"a thousand orders":             {body("messages", `{"messages":`+list(order, 1000)+`}`), true},
		"a text that looks like a list": {body("messages", `{"messages":`+list(said, 10)+`}`), true},
		"past conversations":            {body("history", list("{}", 25_000)), true},
	} {
		_, err := source().Read(t.Context(), door.Request{Method: "POST", Body: []byte(c.body)})
		if taken := err == nil; taken != c.taken || !taken && !errors.Is(err, door.ErrUnreadable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// delivery makes a body of n texts.
func delivery(n int, text string) []byte {
	type m map[string]any
	var messages []m
	for i := range n {
		messages = append(messages, m{"from": fmt.Sprint(393470000000 + i%97), "from_user_id": fmt.Sprint("IT.", i%97), "id": fmt.Sprint("wamid.", i), "timestamp": "1795190400", "type": "text", "text": m{"body": text}})
	}
	body, _ := json.Marshal(m{"object": "whatsapp_business_account", "entry": []m{{"id": "1", "changes": []m{{"field": "messages",
		"value": m{"metadata": m{"phone_number_id": "2"}, "messages": messages}}}}}})
	return body
}

func TestAThousandUpdatesBecomeThirtyTwoQueueMessagesAtMost(t *testing.T) {
	got, list := read(t, delivery(1000, "Buongiorno"))
	if len(got.Entries) > chat.MaxMessages || len(list) != 1000 || got.Events != 1000 {
		t.Errorf("%d queue messages, %d updates", len(got.Entries), len(list))
	}
}

// delivered makes a body of messages, each of so many bytes and of the person that is told by its place.
func delivered(n, size int, who func(i int) int) []byte {
	var b strings.Builder
	b.WriteString(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"2"},"messages":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		head := fmt.Sprintf(`{"from_user_id":"IT.%d","id":"wamid.%d","timestamp":"1795190400","type":"text","text":{"body":"`, who(i), i)
		b.WriteString(head + strings.Repeat(`\n`, (size-len(head)-len(`"}},`))/2) + `"}}`)
	}
	b.WriteString(`]}}]}]}`)
	return []byte(b.String())
}

func TestALargestBodyBecomesThirtyTwoQueueMessagesAtMostThoughAlmostAllIsOfOnePerson(t *testing.T) {
	for _, busy := range []int{910, 0} {
		body := delivered(1000, 2995, func(i int) int { return max(0, i-busy) })
		if len(body) > whatsapp.MaxDelivery || len(body) < 2_900_000 {
			t.Fatalf("the body has %d bytes", len(body))
		}
		got, list := read(t, body)
		if len(got.Entries) > chat.MaxMessages || len(list) != 1000 {
			t.Errorf("%d of one person: %d queue messages, %d updates", busy, len(got.Entries), len(list))
		}
	}
}

func TestALongestBodyIsReadInWhole(t *testing.T) {
	body := delivery(50, strings.Repeat("è", 30<<10))
	if len(body) < whatsapp.MaxDelivery-100<<10 || len(body) > whatsapp.MaxDelivery {
		t.Fatalf("the body has %d bytes", len(body))
	}
	if got, list := read(t, body); len(list) != 50 || got.Unreadable != 0 {
		t.Errorf("%d updates, %d unreadable", len(list), got.Unreadable)
	}
}

func TestARepetitionInAnotherBatchNamesTheSameUpdates(t *testing.T) {
	_, first := read(t, delivery(3, "x"))
	_, again := read(t, bytes.Replace(delivery(2, "x"), []byte(`"id":"1"`), []byte(`"id":"1","new":{}`), 1))
	names := map[string]bool{}
	for _, u := range first {
		names[u.Identity()] = true
	}
	for _, u := range again {
		if !names[u.Identity()] {
			t.Error("a repeated message has another name")
		}
	}
}

// FuzzRead reads any body, signed or not: it is an error that the door knows, or updates that travel.
func FuzzRead(f *testing.F) {
	for _, body := range samples(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := source().Read(t.Context(), door.Request{Method: "POST", Body: body})
		if err != nil {
			if !errors.Is(err, door.ErrUnreadable) {
				t.Fatalf("%v", err)
			}
			return
		}
		n := 0
		for _, u := range updates(t, got) {
			if u.Message != nil && (strings.TrimSpace(chat.Render(*u.Message, chat.Italian)) == "") {
				t.Fatal("a message renders as nothing")
			}
			n++
		}
		if d := got; d.Events != n+d.Ignored+d.Unreadable {
			t.Fatalf("%d updates of %+v", n, d)
		}
	})
}

func BenchmarkReadAThousand(b *testing.B) {
	body := delivery(1000, "Buongiorno, è disponibile?")
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := source().Read(b.Context(), door.Request{Method: "POST", Body: body}); err != nil {
			b.Fatal(err)
		}
	}
}

// good are two messages, a status and a contact.
const good = `"messages":[{"from":"393471234567","id":"wamid.1","timestamp":"1795190400","type":"text","text":{"body":"uno"}},` +
	`{"from":"393471234567","id":"wamid.2","timestamp":"1795190400","type":"text","text":{"body":"due"}}],` +
	`"statuses":[{"id":"wamid.3","status":"delivered","timestamp":"1795190400"}]`

func TestOneForeignPieceDoesNotTakeItsNeighboursAlong(t *testing.T) {
	metadata := `"metadata":{"phone_number_id":"2"}`
	change := func(value string) string { return `{"field":"messages","value":{` + value + `}}` }
	entry := func(changes string) string { return `{"id":"1","changes":` + changes + `}` }
	for name, c := range map[string]struct {
		entries    string
		unreadable int
	}{
		"errors that are an object":         {entry(`[` + change(metadata+`,"errors":{"code":131000},`+good) + `]`), 0},
		"errors that are a text":            {entry(`[` + change(metadata+`,"errors":"boom",`+good) + `]`), 0},
		"errors of errors":                  {entry(`[` + change(metadata+`,"errors":[7,[],{"error_data":"x","code":{}}],`+good) + `]`), 0},
		"contacts that are an object":       {entry(`[` + change(metadata+`,"contacts":{"wa_id":"1"},`+good) + `]`), 0},
		"contacts that are texts":           {entry(`[` + change(metadata+`,"contacts":["x",{"profile":"y"}],`+good) + `]`), 0},
		"metadata that is a text":           {entry(`[` + change(`"metadata":"2",`+good) + `]`), 0},
		"metadata of metadata":              {entry(`[` + change(`"metadata":{"phone_number_id":{}},`+good) + `]`), 0},
		"preferences that are an object":    {entry(`[` + change(metadata+`,"user_preferences":{},`+good) + `]`), 1},
		"a message that is a text":          {entry(`[` + change(metadata+`,`+strings.Replace(good, `[{"from`, `["x",{"from`, 1)) + `]`), 1},
		"a context that is a text":          {entry(`[` + change(metadata+`,`+strings.Replace(good, `"type":"text"`, `"type":"text","context":"x","referral":[],"errors":{}`, 1)) + `]`), 0},
		"a price that is a number":          {entry(`[` + change(metadata+`,`+strings.Replace(good, `"status":`, `"pricing":7,"errors":"x","status":`, 1)) + `]`), 0},
		"a change without a field":          {entry(`[` + change(metadata+`,`+good) + `,{"field":7}]`), 1},
		"a change that is a text":           {entry(`["x",` + change(metadata+`,`+good) + `]`), 1},
		"changes that are a text, beside":   {entry(`"x"`) + `,` + entry(`[`+change(metadata+`,`+good)+`]`), 1},
		"an entry that is a text, and more": {`"x",` + entry(`[`+change(metadata+`,`+good)+`]`), 1},
	} {
		got, list := read(t, []byte(`{"object":"whatsapp_business_account","entry":[`+c.entries+`]}`))
		var texts []string
		for _, u := range list {
			if u.Notice == nil {
				texts = append(texts, tell(u))
			}
		}
		if slices.Sort(texts); strings.Join(texts, ", ") != "delivered , due by , uno by " || got.Unreadable != c.unreadable {
			t.Errorf("%s: %q, %d unreadable", name, texts, got.Unreadable)
		}
	}
}

func TestErrorsThatAreNoListAreKeptBesideAnEmptyMessage(t *testing.T) {
	for errs, want := range map[string]string{`{"code":131000,"title":"t"}`: "131000 t", `"boom"`: "0 boom", `[{"code":"131000","title":{},"message":"m"}]`: "131000 m"} {
		_, list := read(t, []byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"errors":`+errs+
			`,"messages":[{"from":"393471234567","id":"wamid.1","timestamp":"1795190400","type":"interactive"}]}}]}]}`))
		if len(list) != 1 || list[0].Message == nil || len(list[0].Message.Errors) != 1 {
			t.Fatalf("%s: %d updates", errs, len(list))
		}
		if e := list[0].Message.Errors[0]; fmt.Sprint(e.Code, " ", e.Title.Text()) != want {
			t.Errorf("%s reads as %d %s", errs, e.Code, e.Title.Text())
		}
	}
}

func TestATypeThatNobodyKnowsIsLoggedWhateverElseStandsInTheMessage(t *testing.T) {
	message := func(content string) (door.Delivery, []chat.Update) {
		return read(t, []byte(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messages":[`+
			`{"from":"393471234567","id":"wamid.1","timestamp":"1795190400",`+content+`},{"from":"393471234567","id":"wamid.2","type":"text","text":{"body":"due"}}]}}]}]}`))
	}
	for content, want := range map[string]string{
		`"type":"poll","order":"7","poll":{"question":"quale?"}`:                     "quale?",
		`"type":"poll","poll":"quale?"`:                                              "quale?",
		`"type":"poll","poll":[{"question":"quale?"}],"text":7,"contacts":{}`:        "quale?",
		`"type":"interactive","interactive":{"type":"poll","list_reply":"quale?"}`:   "quale?",
		`"type":"text","text":{"body":"uno"},"order":"7","interactive":{"type":"x"}`: "uno",
	} {
		got, list := message(content)
		if got.Unreadable != 0 || len(list) != 2 {
			t.Errorf("%s: %d unreadable, %d updates", content, got.Unreadable, len(list))
			continue
		}
		if text := chat.Render(*list[0].Message, chat.Italian); !strings.Contains(text, want) {
			t.Errorf("%s is logged as %q", content, text)
		}
	}
	// Of a type that is known nothing may be lost: one whose content has another shape is kept for whoever can read it.
	for _, content := range []string{`"type":"text","text":"ciao"`, `"type":"order","order":{"product_items":{"a":1}}`, `"type":"image","image":[]`} {
		if got, list := message(content); got.Unreadable != 1 || len(list) != 1 {
			t.Errorf("%s: %d unreadable, %d updates", content, got.Unreadable, len(list))
		}
	}
}
