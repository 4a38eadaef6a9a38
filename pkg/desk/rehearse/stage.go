package rehearse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/desk/local"
	"crm-connector/pkg/desk/sandbox"
)

// The values of this stack that an operator has chosen or been given.
const (
	grantCode = "sandbox-grant-code" // of Zoho's self client, good once
	reportTo  = "client@example.com"
	sender    = "connector@example.com"
)

// searchLag is how far the sandboxes' searches lag behind writes.
const searchLag = 2 * time.Second

// pulse is how often the sandboxes look whether a notification is due.
const pulse = 50 * time.Millisecond

// stage is what one pass plays on.
type stage struct {
	Options
	dir  string // of its logs
	auth bool

	emulator    *local.Emulator
	port        int // of the emulator
	cloud       *cloud
	hubspot     *hubspottest.Server
	zoho        *zohotest.Server
	whatsapp    *whatsapptest.Server
	hubspotURL  string
	zohoURL     string
	whatsappURL string
	domain      *domain
	stop        context.CancelFunc
	wg          sync.WaitGroup

	whole bool // the stack is deployed with WhatsApp and conversions

	noticed           time.Time // from then on the functions know the mode that was set last
	early             string    // id of a HubSpot contact that was made before
	hubspotID, zohoID string    // of the contact of the story
	firmID, accountID string    // of its company
	elena             *whatsapptest.Person
	elenaIDs          [2]string // of her contact, in HubSpot and in Zoho
	bearer            string    // a token that allows everything
	people            []string  // every value of a person that was ever typed into a CRM
}

// open starts the sandbox CRMs, the domain in front of the API, and the emulator.
func (s *stage) open(ctx context.Context) error {
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.domain = &domain{sent: map[string][]delivery{}}
	var vendors [3]local.Switch
	var ports [4]int
	for i, h := range []http.Handler{&vendors[0], &vendors[1], &vendors[2], s.domain} {
		var err error
		if ports[i], err = local.Serve(inner, &s.wg, "the rehearsal", []string{"127.0.0.1"}, 0, h); err != nil {
			return err
		}
	}
	s.hubspotURL, s.zohoURL, s.whatsappURL, s.domain.base = at(ports[0]), at(ports[1]), at(ports[2]), at(ports[3])
	s.hubspot = hubspottest.New(hubspottest.Options{
		Now: s.Now, Sleep: sandbox.Sleep, Webhook: s.domain.base + "/webhooks/hubspot", Send: s.domain.deliver, SearchLag: searchLag,
	})
	s.zoho = zohotest.New(zohotest.Options{
		Now: s.Now, Sleep: sandbox.Sleep, APIDomain: s.zohoURL, GrantCode: grantCode, NoHubSpotID: true, Send: s.domain.deliver, SearchLag: searchLag,
	})
	s.whatsapp = whatsapptest.New(whatsapptest.Options{
		Now: s.Now, Sleep: sandbox.Sleep, Webhook: s.domain.base + whatsappPath, Send: s.domain.deliver, ReadAfter: 3 * time.Second,
	})
	s.whatsapp.SetCallback("", false) // the operator subscribes
	s.whatsapp.Unsubscribe()
	s.whatsapp.AnswerHandshakes(http.DefaultTransport.RoundTrip)
	vendors[0].Set(s.hubspot)
	vendors[1].Set(s.zoho)
	vendors[2].Set(s.whatsapp)
	for _, tick := range []func(){s.hubspot.Tick, s.zoho.Tick, s.whatsapp.Tick} {
		s.wg.Go(func() {
			for sandbox.Sleep(inner, pulse) {
				tick()
			}
		})
	}
	free, err := local.FreePorts(ctx)
	if err != nil {
		return err
	}
	s.port, s.whole = free.Emulator, s.auth
	return s.start(ctx)
}

// start starts the emulator, with what it kept when it was stopped.
func (s *stage) start(ctx context.Context) (err error) {
	s.emulator, err = local.StartEmulator(ctx, s.tool(), local.EmulatorOptions{Port: s.port, Home: s.dir, Keep: true, Auth: s.auth})
	if err != nil {
		return err
	}
	s.cloud = newCloud(s.emulator, s.Stack)
	return nil
}

func (s *stage) close() {
	if s.emulator != nil {
		s.emulator.Stop()
	}
	if s.stop != nil {
		s.stop()
	}
	s.wg.Wait()
}

func (s *stage) addresses() string {
	return fmt.Sprintf(`The stack %s stands.
  AWS      %s   (emulator; region %s, any credentials)
  the door %s/webhooks/…
  HubSpot  %s   (a person's token: %s)
  Zoho     %s   (a person's token: %s)
  WhatsApp %s
  export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
  go run ./pkg/desk/cmd/connector doctor --stack %s`,
		s.Stack, s.emulator.URL(), local.Region, s.domain.base, s.hubspotURL, hubspottest.DefaultUserToken, s.zohoURL, zohotest.DefaultUserToken,
		s.whatsappURL, s.emulator.URL(), local.Region, s.Stack)
}

func at(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

// domain stands in front of the API as a domain of the operator's own does (PublicBaseUrl), and carries the deliveries of the
// CRMs to it. The emulator has the API below a path that only the API's id tells.
type domain struct {
	base string

	mu   sync.Mutex
	api  *url.URL // nil: not deployed
	deaf bool     // deliveries are lost on their way; the CRM takes them for delivered
	lost int
	sent map[string][]delivery // by path, oldest first
}

// delivery is one that was made, so that it can be made once more.
type delivery struct {
	header http.Header
	body   []byte
}

// point leads the domain to an API.
func (d *domain) point(api *url.URL) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.api = api
}

// ServeHTTP hands a request on to the API.
func (d *domain) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	api := d.api
	d.mu.Unlock()
	if api == nil {
		http.Error(w, "no API yet", http.StatusBadGateway)
		return
	}
	(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(api) }}).ServeHTTP(w, r)
}

// deliver carries one delivery of a sandbox to the door. HubSpot waits five seconds for an answer; a busy machine gets more.
func (d *domain) deliver(r *http.Request) (int, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	d.mu.Lock()
	deaf := d.deaf
	if deaf {
		d.lost++
	}
	d.mu.Unlock()
	if deaf {
		return http.StatusOK, nil
	}
	status, err := d.post(r.Context(), r.URL.Path, delivery{r.Header.Clone(), body})
	if err == nil && status == http.StatusOK {
		d.mu.Lock()
		d.sent[r.URL.Path] = append(d.sent[r.URL.Path], delivery{r.Header.Clone(), body})
		d.mu.Unlock()
	}
	return status, err
}

// post makes a delivery and returns the status of the answer.
func (d *domain) post(ctx context.Context, path string, v delivery) (int, error) {
	return d.request(ctx, http.MethodPost, path, v)
}

func (d *domain) request(ctx context.Context, method, path string, v delivery) (int, error) {
	status, _, err := d.call(ctx, method, path, v)
	return status, err
}

// call makes a request and returns the status and the body of the answer.
func (d *domain) call(ctx context.Context, method, path string, v delivery) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, d.base+path, bytes.NewReader(v.body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = v.header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, body, errors.Join(err, resp.Body.Close())
}

// silence sets whether deliveries are lost, and returns how many were since it was last set.
func (d *domain) silence(on bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.lost
	d.deaf, d.lost = on, 0
	return n
}

// made returns the deliveries to a path that were taken.
func (d *domain) made(path string) []delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]delivery(nil), d.sent[path]...)
}
