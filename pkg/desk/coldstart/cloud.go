package coldstart

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"crm-connector/pkg/adapter/conversions/conversionstest"
	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
)

// events are the files under events/ that the functions are given. A function without one calls a CRM for whatever it is
// given, so only its start is measured.
var events = map[string]string{
	"webhook":          "webhook.zoho-created.json",
	"zohoConsumer":     "zohoConsumer.mode-off.json",
	"hubspotConsumer":  "hubspotConsumer.contact-changed.json",
	"getZohoToken":     "getZohoToken.valid.json",
	"refreshZohoToken": "refreshZohoToken.schedule-fresh.json",
	"failureReporter":  "failureReporter.nothing-new.json",
	"reconcile":        "reconcile.schedule.json",

	"whatsappConsumer":     "whatsappConsumer.mode-off.json",
	"sendWhatsapp":         "sendWhatsapp.schedule-nothing.json",
	"conversionAggregator": "conversionAggregator.event.json",
	"conversionApi":        "conversionApi.metrics.json",
	"conversionClock":      "conversionClock.tick-nothing.json",
}

// environment is what Lambda and the template put into a function's environment: each function finds its own in it. The
// credentials of the CRMs lie in the store of secrets.
func environment(cloud string) []string {
	env := []string{
		"AWS_LAMBDA_FUNCTION_NAME=coldstart", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "_HANDLER=bootstrap",
		"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_REGION=eu-south-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_ENDPOINT_URL=" + cloud, "SECRETS_PATH=/coldstart", "HUBSPOT_APP_ID=1", "HUBSPOT_WEBHOOK_URL=https://connector.example.com/webhooks/hubspot",
		"ZOHO_ACCOUNTS_URL=https://accounts.zoho.eu", "ZOHO_CLIENT_ID=1000.ID", "ZOHO_CHANNEL_ID=1000000068001",
		"ZOHO_WEBHOOK_URL=https://connector.example.com/webhooks/zoho", "ZOHO_OPERATIONS_QUEUE=" + cloud + "/zoho.fifo",
		"HUBSPOT_OPERATIONS_QUEUE=" + cloud + "/hubspot.fifo", "GET_ZOHO_TOKEN_FUNCTION=getZohoToken", "REFRESH_ZOHO_TOKEN_FUNCTION=refreshZohoToken",
		"REPORT_TO=client@example.com", "REPORT_FROM=reports@example.com", "MODE=off",
		"WHATSAPP_PHONE_NUMBER_ID=" + whatsapptest.DefaultNumber, "WHATSAPP_OPERATIONS_QUEUE=" + cloud + "/whatsapp.fifo",
		"CONVERSIONS_JWT_ISSUER=" + conversionstest.DefaultIssuer, "CONVERSION_EVENTS_QUEUE=" + cloud + "/conversions.fifo", "CONVERSION_EVENTS_DLQ=" + cloud + "/dead.fifo",
	}
	for _, table := range dynamo.Tables() {
		env = append(env, table.Setting()+"="+string(table))
	}
	return env
}

// cloud is as much of AWS as a stack that is switched off asks: tables that are empty but for Zoho's token, queues that take
// everything, and the secrets.
type cloud struct {
	address string
	server  *http.Server
}

func serveCloud() (*cloud, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &cloud{address: "http://" + l.Addr().String()}
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: 20 * time.Second}
	go func() { _ = c.server.Serve(l) }() // it ends with close
	return c, nil
}

func (c *cloud) close() { _ = c.server.Close() }

// ServeHTTP answers in the JSON protocols of DynamoDB, SQS and SSM.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		TableName string
		Names     []string
		Entries   []struct{ Id, MessageBody string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var out any
	switch target := r.Header.Get("X-Amz-Target"); target {
	case "DynamoDB_20120810.GetItem":
		out = item(in.TableName)
	case "DynamoDB_20120810.BatchGetItem":
		out = map[string]any{"Responses": map[string]any{}}
	case "DynamoDB_20120810.Query":
		out = map[string]any{"Items": []any{}}
	case "DynamoDB_20120810.PutItem", "DynamoDB_20120810.DeleteItem", "DynamoDB_20120810.TransactWriteItems":
		out = map[string]any{}
	case "AmazonSSM.GetParameters":
		var all []map[string]string
		for _, name := range in.Names {
			all = append(all, map[string]string{"Name": name, "Value": secrets[path.Base(name)]})
		}
		out = map[string]any{"Parameters": all}
	case "AmazonSQS.SendMessageBatch":
		var all []map[string]string
		for _, e := range in.Entries {
			all = append(all, map[string]string{"Id": e.Id, "MessageId": e.Id, "MD5OfMessageBody": sum(e.MessageBody)})
		}
		out = map[string]any{"Successful": all}
	default:
		http.Error(w, "nothing here answers "+target, http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	said, err := json.Marshal(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(said)
}

// secrets are those of the sandboxes, for which the events were written.
var secrets = map[string]string{
	"HUBSPOT_ACCESS_TOKEN": "pat-sandbox", "HUBSPOT_CLIENT_SECRET": "sandbox-client-secret", "ZOHO_CLIENT_SECRET": "s", "ZOHO_REFRESH_TOKEN": "1000.r",
	"ZOHO_CHANNEL_TOKEN": "sandbox-channel-token", "PAIR_KEY": strings.Repeat("0123456789abcdef", 4),
	"WHATSAPP_APP_SECRET": whatsapptest.DefaultAppSecret, "WHATSAPP_VERIFY_TOKEN": whatsapptest.DefaultVerifyToken, "WHATSAPP_ACCESS_TOKEN": whatsapptest.DefaultToken,
	"CONVERSIONS_JWT_SECRET": conversionstest.DefaultSecret,
}

// item is the row of Zoho's token, good for an hour, in its table; any other table is empty.
func item(table string) map[string]any {
	if table != "tokens" {
		return map[string]any{}
	}
	state := fmt.Sprintf(`{"v":1,"token":"1000.a","version":1,"expires":%q,"base":"https://www.zohoapis.eu"}`, time.Now().Add(time.Hour).Format(time.RFC3339))
	return map[string]any{"Item": map[string]any{
		"pk": map[string]string{"S": "token#main"}, "sk": map[string]string{"S": "#zoho"}, "ver": map[string]string{"N": "1"},
		"val": map[string]string{"B": base64.StdEncoding.EncodeToString([]byte(state))},
	}}
}

func sum(body string) string { return fmt.Sprintf("%x", md5.Sum([]byte(body))) }
