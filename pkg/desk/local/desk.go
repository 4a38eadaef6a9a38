package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"crm-connector/pkg/adapter/dynamo"
)

// Desk is what runs.
type Desk struct {
	HubSpot, Zoho, WhatsApp Switch
	Refresh                 Switch // refreshZohoToken, for those who invoke it

	env         Env
	emulator    *Emulator
	refreshPort int
	stop        context.CancelFunc
	wg          sync.WaitGroup
}

// Open starts the emulator of the folder of tools, and listens on the ports of the settings, for containers too if there are
// to be any. Nothing is in the emulator before Reset.
func Open(ctx context.Context, tools string, env Env, containers bool) (*Desk, error) {
	ports, err := env.Ports()
	if err != nil {
		return nil, err
	}
	gateway := ""
	if containers {
		if gateway, err = bridge(ctx); err != nil {
			return nil, err
		}
	}
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	d := &Desk{env: env, stop: stop}
	if err := d.open(ctx, inner, tools, gateway, ports); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *Desk) open(ctx, inner context.Context, tools, gateway string, ports Ports) (err error) {
	hosts := slices.DeleteFunc([]string{loopback, gateway}, func(h string) bool { return h == "" })
	if _, err = Serve(inner, &d.wg, "the sandbox HubSpot", hosts, ports.HubSpot, &d.HubSpot); err != nil {
		return err
	}
	if _, err = Serve(inner, &d.wg, "the sandbox Zoho", hosts, ports.Zoho, &d.Zoho); err != nil {
		return err
	}
	if _, err = Serve(inner, &d.wg, "the sandbox WhatsApp", hosts, ports.WhatsApp, &d.WhatsApp); err != nil {
		return err
	}
	if d.refreshPort, err = Serve(inner, &d.wg, "refreshZohoToken", []string{loopback}, 0, &d.Refresh); err != nil {
		return err
	}
	if d.emulator, err = StartEmulator(ctx, tools, EmulatorOptions{Port: ports.Emulator}); err != nil {
		return err
	}
	if gateway == "" {
		return nil
	}
	l, err := listen(ctx, "the emulator", gateway, ports.Emulator)
	if err != nil {
		return err
	}
	forward(inner, &d.wg, l, at(loopback, ports.Emulator))
	return nil
}

// Close ends everything that Open started.
func (d *Desk) Close() {
	d.stop()
	if d.emulator != nil {
		d.emulator.Stop()
	}
	d.wg.Wait()
}

// Env is what the functions are to be told.
func (d *Desk) Env() Env { return d.env }

// URL is where this machine reaches the emulator.
func (d *Desk) URL() string { return d.emulator.url }

// Reset empties the emulator and makes the stack anew, with these secrets.
func (d *Desk) Reset(ctx context.Context, secrets map[string]string) error {
	if _, err := d.emulator.ask(ctx, http.MethodPost, "/_ministack/reset"); err != nil {
		return fmt.Errorf("the emulator: %w", err)
	}
	return d.provision(ctx, secrets)
}

// partsOf returns the parts of a table, each once, in ascending order.
func partsOf(ctx context.Context, db *dynamodb.Client, table string) ([]string, error) {
	in := &dynamodb.ScanInput{TableName: &table}
	var parts []string
	for {
		out, err := db.Scan(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, item := range out.Items {
			part, ok := item[dynamo.AttributePart].(*dynamotypes.AttributeValueMemberS)
			if !ok {
				return nil, errors.New("a row without a key in " + table)
			}
			parts = append(parts, part.Value)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			slices.Sort(parts)
			return slices.Compact(parts), nil
		}
	}
}

// Sandboxes are where this machine reaches the sandboxes.
func (d *Desk) Sandboxes() (hubspot, zoho, whatsapp string) {
	ports, _ := d.env.Ports() // Open has read them
	return "http://" + at(loopback, ports.HubSpot), "http://" + at(loopback, ports.Zoho), "http://" + at(loopback, ports.WhatsApp)
}
