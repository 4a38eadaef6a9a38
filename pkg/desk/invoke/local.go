package invoke

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/desk/local"
	"crm-connector/pkg/desk/sandbox"
)

// LocalOptions say where Local finds what it runs.
type LocalOptions struct {
	Root    string // of the checkout
	Env     string // file of the functions' environment
	Deliver string // where notifications of the CRMs go: the address of `sam local start-api`; "" is nowhere
	Out     io.Writer
	Now     func() time.Time
}

// pulse is how often Local looks for notifications to deliver.
const pulse = 200 * time.Millisecond

// Local runs the desk with the world of events/ until the context ends.
func Local(ctx context.Context, o LocalOptions) error {
	began := o.Now()
	env, err := local.ReadEnv(o.Env)
	if err != nil {
		return err
	}
	w, err := NewWorld(ctx, filepath.Join(o.Root, "events"), Expected{}, began)
	if err != nil {
		return err
	}
	w.Door = drop // what the world has on its way was told by nobody, so that there is something to reconcile
	w.HubSpot.Tick()
	w.Zoho.Tick()
	if o.Deliver != "" {
		w.Door = (&apiDoor{base: o.Deliver, client: &http.Client{Timeout: 5 * time.Second}}).enter
	}
	fmt.Fprintln(o.Out, "starting the emulator …")
	desk, err := local.Open(ctx, filepath.Join(o.Root, ".tools"), env, true)
	if err != nil {
		return err
	}
	defer desk.Close()
	if err := w.Publish(ctx, desk, nil); err != nil {
		return err
	}
	o.welcome(desk, o.Now().Sub(began))
	for sandbox.Sleep(ctx, pulse) {
		w.HubSpot.Tick()
		w.Zoho.Tick()
	}
	fmt.Fprintln(o.Out, "\nstopping …")
	return nil
}

// drop takes a delivery and does nothing.
func drop(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
}

// apiDoor hands deliveries to an API on this machine.
type apiDoor struct {
	base   string
	client *http.Client
}

func (d *apiDoor) enter(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	body, err := base64.StdEncoding.DecodeString(e.Body)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	req, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, d.base+e.RawPath, bytes.NewReader(body))
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	for name, value := range e.Headers {
		req.Header.Set(name, value)
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, err
	}
	defer resp.Body.Close()
	return events.APIGatewayV2HTTPResponse{StatusCode: resp.StatusCode}, nil
}

func (o LocalOptions) welcome(desk *local.Desk, took time.Duration) {
	p := func(format string, args ...any) { fmt.Fprintf(o.Out, format+"\n", args...) }
	hubspot, zoho, whatsapp := desk.Sandboxes()
	extra := ""
	if o.Env != filepath.Join("events", "env.json") {
		extra = " --env-vars " + o.Env
	}
	p("The desk for `sam local` stands after %.1f s. Stop it with Ctrl-C.", took.Seconds())
	p("")
	p("  AWS      %s   (emulator; stack %s, region %s)", desk.URL(), desk.Env().Stack(), local.Region)
	p("  HubSpot  %s   (sandbox; a person's token: %s)", hubspot, hubspottest.DefaultUserToken)
	p("  Zoho     %s   (sandbox; a person's token: %s)", zoho, zohotest.DefaultUserToken)
	p("  WhatsApp %s   (sandbox)", whatsapp)
	p("")
	p("Try, in another terminal, after make build (sam is .tools/sam/bin/sam where none is installed):")
	p("")
	p("1. One function with one event; the contact appears in Zoho:")
	p("   sam local invoke zohoConsumer -e events/zohoConsumer.contact-created.json%s", extra)
	p(`   curl -s '%s/crm/v8/Contacts/search?email=hugo.ferri@example.com' -H 'Authorization: Zoho-oauthtoken %s'`, zoho, zohotest.DefaultUserToken)
	p("")
	p("2. A delivery that HubSpot signs (a signature lasts five minutes, so it is made now):")
	p("   go run ./pkg/desk/cmd/invoke --event webhook.hubspot-creation | sam local invoke webhook%s -e -", extra)
	p("")
	p("   A message of WhatsApp and a conversion event likewise, with Meta's signature and a bearer token of now:")
	p("   go run ./pkg/desk/cmd/invoke --event webhook.whatsapp-message | sam local invoke webhook%s -e -", extra)
	p("   go run ./pkg/desk/cmd/invoke --event conversionAggregator.event | sam local invoke conversionAggregator%s -e -", extra)
	p("")
	p("3. The API. With it running, a change in a sandbox is delivered to it, signed, and queued:")
	p("   sam local start-api%s", extra)
	p(`   curl -s %s/crm/objects/%s/contacts -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' \`, hubspot, hubspottest.Version, hubspottest.DefaultUserToken)
	p(`     -d '{"properties":{"email":"sara.longo@example.com","firstname":"Sara","lastname":"Longo"}}'`)
	p("   curl -s %s/_ministack/sqs/messages", desk.URL())
	p("")
	p("Every event there is: ls events   what each does: events/expected   all of them, checked: make invoke-all")
}
