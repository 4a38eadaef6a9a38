package whatsapptest_test

import (
	"strings"
	"testing"
	"time"

	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
)

func TestACallIsRefusedWithMetasCodes(t *testing.T) {
	d := open(t, whatsapptest.Options{AtOnce: true})
	d.Meet("Anna", "393471234567")
	with := func(old, new string) string { return strings.Replace(hello, old, new, 1) }
	for _, tt := range []struct {
		status, code int
		method, path string
		body         string
	}{
		{200, 0, "POST", path, hello},
		{200, 0, "POST", strings.Replace(path, "v25.0", "v26.0", 1), hello},
		{400, 131047, "POST", path, written},
		{400, 100, "POST", path, `{`},
		{400, 100, "POST", path, `{}`},
		{400, 100, "POST", path, with(`"to":"+393471234567",`, ``)},
		{400, 100, "POST", path, with(`"type":"template"`, `"type":"image"`)},
		{400, 100, "POST", path, with(`"type":"template"`, `"type":"text"`)},
		{400, 100, "POST", path, with(`"messaging_product":"whatsapp"`, `"messaging_product":"whatsapp","recipient_type":"group"`)},
		{404, 132001, "POST", path, with(`hello_world`, `other`)},
		{404, 132001, "POST", path, with(`"it"`, `"de"`)},
		{400, 132000, "POST", path, with(`hello_world`, `promo_autunno`)},
		{400, 131009, "POST", path, with(`+393471234567`, `+39x`)},
		{400, 131009, "POST", path, `{"messaging_product":"whatsapp","status":"read","message_id":"wamid.none"}`},
		{400, 100, "POST", "/v25.0/7/messages", hello},
		{400, 100, "GET", path, ``},
		{400, 100, "GET", "/v25.0/7", ``},
		{400, 100, "POST", "/" + number + "/messages", hello},
		{400, 100, "POST", "/v25/" + number + "/messages", hello},
		{400, 100, "GET", "/v25.0/7/subscribed_apps", ``},
		{401, 190, "GET", "/v25.0/" + whatsapptest.DefaultAppID + "/subscriptions", ``}, // not with the system user's token
	} {
		d.want(tt.status, tt.code, tt.method, tt.path, tt.body)
	}
	d.SetToken("next")
	d.want(401, 190, "POST", path, hello)
}

func TestAUserIDInThePlaceOfTheNumberIsTakenAndDropped(t *testing.T) {
	d := open(t, whatsapptest.Options{})
	a := d.Meet("Anna", "393471234567")
	text := d.want(200, 0, "POST", path, strings.Replace(hello, "+393471234567", a.User, 1))
	if !strings.Contains(text, `"id":"wamid.`) || !d.SentMessages()[0].Dropped {
		t.Errorf("%s", text)
	}
	if d.pass(time.Hour); len(d.told) != 0 {
		t.Errorf("told %v", d.told)
	}
	d.want(200, 0, "POST", path, strings.Replace(hello, `"to":"+393471234567"`, `"recipient":"`+a.User+`"`, 1))
	if d.pass(time.Hour); strings.Join(d.told, " ") != "sent delivered" {
		t.Errorf("told %v", d.told)
	}
}

func TestANumberWithoutPlusGetsTheCountryOfTheBusiness(t *testing.T) {
	d := open(t, whatsapptest.Options{})
	a := d.Meet("Anna", "393471234567")
	d.want(200, 0, "POST", path, strings.Replace(hello, "+393471234567", "347 123-4567", 1))
	d.want(200, 0, "POST", path, strings.Replace(hello, "+393471234567", "393471234567", 1))
	if sent := d.SentMessages(); sent[0].To != a || sent[1].To != nil {
		t.Errorf("%+v", sent)
	}
}

func TestAWindowIsOpenForADayOnTheNumberThatWasWrittenTo(t *testing.T) {
	d := open(t, whatsapptest.Options{AtOnce: true, Numbers: []whatsapptest.Number{{ID: number, Display: "390612340000"}, {ID: "209", Display: "390299887766"}}})
	a := d.Meet("Anna", "393471234567")
	d.must(a.Say(number, "ciao"))
	d.want(200, 0, "POST", path, written)
	d.want(400, 131047, "POST", strings.Replace(path, number, "209", 1), written)
	d.time = d.time.Add(24*time.Hour - time.Second)
	d.want(200, 0, "POST", path, written)
	d.time = d.time.Add(time.Second)
	d.want(400, 131047, "POST", path, written)
	if _, err := a.Say("7", "ciao"); err == nil {
		t.Error("a number that is not there was written to")
	}
}

func TestMostRefusalsAreToldByAStatusLater(t *testing.T) {
	d := open(t, whatsapptest.Options{})
	a, out := d.Meet("Anna", "393471234567"), d.Meet("Ida", "393481231231")
	if err := out.OptOut(number); err != nil {
		t.Fatal(err)
	}
	d.want(200, 0, "POST", path, written)
	d.want(200, 0, "POST", path, strings.NewReplacer("393471234567", out.Phone, `"hello_world","language":{"code":"it"}`,
		`"promo_autunno","language":{"code":"it"},"components":[{"type":"body","parameters":[{"type":"text","text":"x"}]}]`).Replace(hello))
	d.want(200, 0, "POST", path, strings.Replace(hello, "393471234567", "390000000001", 1))
	a.Unreachable = true
	d.want(200, 0, "POST", path, hello)
	d.pass(time.Minute)
	if got := strings.Join(d.told, " "); got != "stop failed failed failed failed" {
		t.Errorf("told %s", got)
	}
	all := strings.Join(d.bodies, "")
	for _, code := range []string{`"code":131047`, `"code":131050`, `"code":131026`} {
		if !strings.Contains(all, code) {
			t.Errorf("%s was not told", code)
		}
	}
}

func TestASecondAndAPersonHaveTheirLimits(t *testing.T) {
	d := open(t, whatsapptest.Options{Numbers: []whatsapptest.Number{{ID: number, Display: "390612340000", Coexistence: true}}})
	d.Meet("Anna", "393471234567")
	for range 20 {
		d.want(200, 0, "POST", path, hello)
	}
	d.want(400, 130429, "POST", path, hello)
	d.time = d.time.Add(time.Second)
	for range 25 {
		d.time = d.time.Add(60 * time.Millisecond)
		d.want(200, 0, "POST", path, hello)
	}
	d.want(400, 131056, "POST", path, hello) // 45 were sent, none is earned back in 2.5 s
	d.time = d.time.Add(3500 * time.Millisecond)
	d.want(200, 0, "POST", path, hello)
	d.want(400, 131056, "POST", path, hello)
}
