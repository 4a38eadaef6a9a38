package hubspot_test

import (
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/core/chat"
	"crm-connector/pkg/core/crm"
	"crm-connector/pkg/core/fault"
)

func TestAMessageIsLoggedOnItsContactAndFoundByItsMark(t *testing.T) {
	a := open(t, hubspottest.Options{})
	anna := a.make(t, crm.Contacts, map[string]string{"email": "anna@example.com"})
	bruno := a.make(t, crm.Contacts, map[string]string{"email": "bruno@example.com"})
	at := a.now.Add(-3 * time.Second)
	id, err := a.client.Log(t.Context(), anna, crm.Text("a <b> & c\nwamid.AB+C/D="), at)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ contact, mark, want string }{{anna, "wamid.AB+C/D=", id}, {bruno, "wamid.AB+C/D=", ""}, {anna, "wamid.other", ""}} {
		if got, err := a.client.Logged(t.Context(), c.contact, c.mark); err != nil || got != c.want {
			t.Errorf("Logged(%s, %s) = %q, %v, want %q", c.contact, c.mark, got, err, c.want)
		}
	}
	all := a.Communications()
	if len(all) != 1 || all[0].Contact != anna || all[0].Properties["hs_timestamp"] != at.Format("2006-01-02T15:04:05.000Z") {
		t.Fatalf("logged %+v", all)
	}
	if body := all[0].Properties["hs_communication_body"]; body != "a &lt;b&gt; &amp; c<br>wamid.AB+C/D=" {
		t.Errorf("the timeline would show %q", body)
	}
}

// state is a line that says how far a message has come.
func state(line string) chat.Amendment {
	return chat.Amendment{Line: "> " + line, Heads: []string{"> "}, Mark: "[wamid.1]"}
}

func TestTheStateOfACommunicationTakesThePlaceOfItsForerunner(t *testing.T) {
	a := open(t, hubspottest.Options{})
	anna := a.make(t, crm.Contacts, map[string]string{"email": "anna@example.com"})
	id, err := a.client.Log(t.Context(), anna, crm.Text("head\n> text\n[wamid.1]\nwritten by hand"), a.now)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"delivered", "read & kept", "read & kept"} {
		if err := a.client.Amend(t.Context(), id, state(line)); err != nil {
			t.Fatal(err)
		}
	}
	if body := a.Communications()[0].Properties["hs_communication_body"]; body != "head<br>&gt; text<br>[wamid.1]<br>written by hand<br>&gt; read &amp; kept" {
		t.Errorf("body %q", body)
	}
	if n := a.Count("PATCH /crm/objects/2026-09/communications/{id}"); n != 2 {
		t.Errorf("%d writes: a repeat writes nothing", n)
	}
	if err := a.client.Amend(t.Context(), "4711", state("x")); fault.KindOf(err) != fault.Missing {
		t.Errorf("a communication that is gone: %v", err)
	}
}

func TestATaskIsMadeOnItsContact(t *testing.T) {
	a := open(t, hubspottest.Options{})
	anna := a.make(t, crm.Contacts, map[string]string{"email": "anna@example.com"})
	id, err := a.client.AddTask(t.Context(), anna, "Answer on WhatsApp", crm.Text("wants a person [m1]"), a.now.Add(20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := a.client.Tasked(t.Context(), anna, "[m1]"); err != nil || got != id {
		t.Errorf("Tasked = %q, %v", got, err)
	}
	if all := a.Tasks(); len(all) != 1 || all[0].Contact != anna || all[0].Properties["hs_task_status"] != "NOT_STARTED" {
		t.Errorf("tasks %+v", all)
	}
}

func TestWhatIsLoggedOnAContactThatIsGoneIsMissing(t *testing.T) {
	a := open(t, hubspottest.Options{})
	if _, err := a.client.Log(t.Context(), "4711", crm.Text("canary"), a.now); fault.KindOf(err) != fault.Missing || strings.Contains(err.Error(), "canary") {
		t.Errorf("Log: %v", err)
	}
	if _, err := a.client.AddTask(t.Context(), "4711", "s", crm.Text("canary"), a.now); fault.KindOf(err) != fault.Missing {
		t.Errorf("AddTask: %v", err)
	}
	if _, err := a.client.Logged(t.Context(), "4711", "m"); fault.KindOf(err) != fault.Missing {
		t.Errorf("Logged: %v", err)
	}
}

func TestATextThatIsTooLongOnceItIsMarkedUpLosesItsEndAndKeepsItsMark(t *testing.T) {
	for _, text := range []string{strings.Repeat(`"l'a`, 6000), strings.Repeat("riga\n", 14000), strings.Repeat("😀", 20000)} {
		a := open(t, hubspottest.Options{})
		anna := a.make(t, crm.Contacts, map[string]string{"email": "anna@example.com"})
		id, err := a.client.Log(t.Context(), anna, crm.Text("head\n"+text+"\n[wamid.1]"), a.now)
		if err != nil {
			t.Fatal(err)
		}
		body := a.Communications()[0].Properties["hs_communication_body"]
		if !strings.HasPrefix(body, "head<br>") || !strings.HasSuffix(body, " […]<br>[wamid.1]") || len(body) < 60_000 {
			t.Errorf("%d bytes, ends with %q", len(body), body[len(body)-40:])
		}
		if err := a.client.Amend(t.Context(), id, state("read")); err != nil {
			t.Error(err)
		}
	}
}

func TestTooLongATextIsRefusedWithoutBeingRepeated(t *testing.T) {
	a := open(t, hubspottest.Options{})
	anna := a.make(t, crm.Contacts, map[string]string{"email": "anna@example.com"})
	_, err := a.client.Log(t.Context(), anna, crm.Text(strings.Repeat("canary", 20000)), a.now)
	if fault.KindOf(err) != fault.Refused || strings.Contains(err.Error(), "canary") {
		t.Errorf("Log: %v", err)
	}
}

func TestWhatWeLogNeverComesBackAsAChange(t *testing.T) {
	for _, generic := range []bool{false, true} {
		a := open(t, hubspottest.Options{Generic: generic})
		anna := a.make(t, crm.Contacts, map[string]string{"email": "anna@example.com"})
		a.pass(time.Minute)
		before, echoes := len(a.got), a.echoes
		id, err := a.client.Log(t.Context(), anna, crm.Text("text"), a.now)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.client.Amend(t.Context(), id, state("read")); err != nil {
			t.Fatal(err)
		}
		if _, err := a.client.AddTask(t.Context(), anna, "s", crm.Text("t"), a.now); err != nil {
			t.Fatal(err)
		}
		a.pass(24 * time.Hour)
		if len(a.got) != before || a.echoes != echoes || a.Outstanding() != 0 {
			t.Errorf("generic %v: HubSpot told %v, %d echoes", generic, a.got[before:], a.echoes-echoes)
		}
	}
}

func TestMoreThanAPageOfMessagesIsLookedThrough(t *testing.T) {
	a := open(t, hubspottest.Options{Burst: -1})
	anna := a.make(t, crm.Contacts, map[string]string{"email": "anna@example.com"})
	first, err := a.client.Log(t.Context(), anna, crm.Text("the first [m0]"), a.now)
	if err != nil {
		t.Fatal(err)
	}
	for range 520 {
		if _, err := a.client.Log(t.Context(), anna, crm.Text("another"), a.now); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := a.client.Logged(t.Context(), anna, "[m0]"); err != nil || got != first {
		t.Errorf("Logged = %q, %v", got, err)
	}
}

func TestAContactIsFoundByTheLastDigitsOfItsNumber(t *testing.T) {
	a := open(t, hubspottest.Options{})
	anna := a.make(t, crm.Contacts, map[string]string{"email": "anna@example.com", "phone": "+39 347 123 4567"})
	a.make(t, crm.Contacts, map[string]string{"email": "bruno@example.com", "mobilephone": "+393471234567"})
	column := crm.Column{Field: "phone", Property: "phone", Type: crm.TypePhone}
	found, err := a.client.Find(t.Context(), crm.Search{Module: crm.Contacts, Keys: []crm.MatchKey{{Column: column, Value: "+393471234567"}}, Columns: []crm.Column{column}})
	if err != nil || len(found) != 1 || found[0].ID.Key != anna {
		t.Errorf("found %v, %v", found, err)
	}
}
