package rehearse

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ses"

	"crm-connector/pkg/adapter/dynamo"
	"crm-connector/pkg/adapter/hubspot/hubspottest"
	"crm-connector/pkg/adapter/settings"
	"crm-connector/pkg/adapter/whatsapp/whatsapptest"
	"crm-connector/pkg/adapter/zoho/zohotest"
	"crm-connector/pkg/suite"
)

// tools installs what the rehearsal runs.
func tools(ctx context.Context, s *stage) (string, error) {
	_, err := s.command(ctx, "tools", filepath.Join(s.Root, ".ci", "tools"), "sam", "ministack")
	return "SAM CLI and MiniStack at the versions of .ci", err
}

// build runs sam build, and looks whether each binary is what Lambda gets: without a C library and without the RPC mode.
func build(ctx context.Context, s *stage) (string, error) {
	if _, err := s.command(ctx, "build", "make", "build"); err != nil {
		return "", err
	}
	all, err := s.functions()
	if err != nil {
		return "", err
	}
	for _, f := range all {
		info, err := buildinfo.ReadFile(filepath.Join(s.Root, ".aws-sam", "build", f, "bootstrap"))
		if err != nil {
			return "", fmt.Errorf("%s: %w", f, err)
		}
		for _, b := range info.Settings {
			if b.Key == "CGO_ENABLED" && b.Value != "0" || b.Key == "-tags" && b.Value != "lambda.norpc" {
				return "", fmt.Errorf("%s is built with %s=%s", f, b.Key, b.Value)
			}
		}
	}
	return fmt.Sprintf("%d binaries", len(all)), nil
}

// functions are the functions of the suite: the folders of functions/.
func (s *stage) functions() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.Root, "functions"))
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, err
}

func open(ctx context.Context, s *stage) (string, error) {
	if err := s.open(ctx); err != nil {
		return "", err
	}
	// An operator verifies the sender as an identity of SES once.
	_, err := s.cloud.ses.VerifyEmailIdentity(ctx, &ses.VerifyEmailIdentityInput{EmailAddress: aws.String(sender)})
	return s.emulator.URL(), err
}

// before sets up what the stack needs before it is deployed: Zoho's token and its field.
func before(ctx context.Context, s *stage) (string, error) {
	env := map[string]string{
		"ZOHO_ACCOUNTS_URL": s.zohoURL, "ZOHO_API_URL": s.zohoURL, "ZOHO_CLIENT_ID": zohotest.DefaultClientID,
		settings.ZohoClientSecret: zohotest.DefaultClientSecret, "ZOHO_GRANT_CODE": grantCode,
	}
	if _, err := s.does(ctx, env, "setup", "zoho"); err != nil {
		return "", err
	}
	if n := s.zoho.Count("POST /crm/v8/settings/fields"); n != 2 {
		return "", fmt.Errorf("%d fields were made in Zoho, want 2", n)
	}
	return "the code is traded, HubSpot_Id is made", nil
}

// parameters are those of the template for a stack between the sandboxes.
func (s *stage) parameters(more ...string) string {
	if s.whole {
		more = append([]string{
			"WhatsappPhoneNumberId=" + whatsapptest.DefaultNumber, "WhatsappOwnNumbers=" + whatsapptest.DefaultDisplay, "WhatsappApiUrl=" + s.whatsappURL,
			"ConversionsJwtIssuer=" + issuer, "ConversionsOwnSubject=" + subject,
		}, more...)
	}
	return strings.Join(append([]string{
		"AwsEndpointUrl=" + s.emulator.URL(), "PublicBaseUrl=" + s.domain.base,
		"HubspotAppId=" + hubspottest.DefaultAppID, "HubspotApiUrl=" + s.hubspotURL,
		"ZohoAccountsUrl=" + s.zohoURL, "ZohoApiUrl=" + s.zohoURL, "ZohoClientId=" + zohotest.DefaultClientID,
		"ReportTo=" + reportTo, "ReportFrom=" + sender,
	}, more...), " ")
}

// sam deploys what was built, with these parameters beside the usual ones.
func (s *stage) sam(ctx context.Context, more ...string) (string, error) {
	return s.command(ctx, "deploy", s.tool("sam", "bin", "sam"), "deploy", "--config-env", "local", "--stack-name", s.Stack, "--parameter-overrides", s.parameters(more...))
}

// deploy makes the stack, and looks whether the emulator has all of it.
func deploy(ctx context.Context, s *stage) (string, error) {
	if _, err := s.sam(ctx); err != nil {
		return "", err
	}
	out, status, err := s.cloud.outputs(ctx)
	if err != nil {
		return "", err
	}
	if status != "CREATE_COMPLETE" || out["Version"] != suite.Version {
		return "", fmt.Errorf("the stack is %s, of version %q; want CREATE_COMPLETE of %s", status, out["Version"], suite.Version)
	}
	if want := s.domain.base + "/webhooks/hubspot"; out["HubspotWebhookUrl"] != want {
		return "", fmt.Errorf("HubspotWebhookUrl is %s, want %s", out["HubspotWebhookUrl"], want)
	}
	api, err := url.Parse(s.emulator.URL() + "/_aws/execute-api/" + out["ApiId"] + "/$default")
	if err != nil {
		return "", err
	}
	s.domain.point(api)
	return s.inventory(ctx)
}

// inventory counts what was deployed and compares it with the folders of functions/.
func (s *stage) inventory(ctx context.Context) (string, error) {
	_, types, err := s.cloud.resources(ctx)
	if err != nil {
		return "", err
	}
	n := map[string]int{}
	for _, t := range types {
		n[t]++
	}
	all, err := s.functions()
	if err != nil {
		return "", err
	}
	if n["AWS::Lambda::Function"] != len(all) || n["AWS::DynamoDB::Table"] != len(dynamo.Tables()) || n["AWS::SQS::Queue"] != 2*len(lanes) {
		return "", fmt.Errorf("%d functions, %d tables, %d queues were deployed; want %d, %d, %d",
			n["AWS::Lambda::Function"], n["AWS::DynamoDB::Table"], n["AWS::SQS::Queue"], len(all), len(dynamo.Tables()), 2*len(lanes))
	}
	return fmt.Sprintf("%d resources: %d functions, %d tables, %d queues, %d alarms", len(types), len(all), len(dynamo.Tables()),
		n["AWS::SQS::Queue"], n["AWS::CloudWatch::Alarm"]), nil
}

// setup stores HubSpot's secrets, tells the door the mapped properties and opens Zoho's channel; run again it changes nothing.
func setup(ctx context.Context, s *stage) (string, error) {
	hubspot := []string{"setup", "hubspot", "--out", filepath.Join(s.dir, "hubspot-app")}
	zoho := []string{"setup", "zoho"}
	secrets := map[string]string{settings.HubSpotAccessToken: hubspottest.DefaultToken, settings.HubSpotClientSecret: hubspottest.DefaultClientSecret}
	if _, err := s.does(ctx, secrets, hubspot...); err != nil {
		return "", err
	}
	if _, err := s.does(ctx, nil, zoho...); err != nil {
		return "", err
	}
	for _, args := range [][]string{hubspot, zoho} {
		again, err := s.does(ctx, nil, args...)
		if err != nil {
			return "", err
		}
		if again.answer["steps"] != nil {
			return "", fmt.Errorf("connector %s, run again, changed something:\n%s", strings.Join(args, " "), again.text)
		}
	}
	if all := s.zoho.Channels(); len(all) != 1 || all[0].URL != s.domain.base+"/webhooks/zoho" {
		return "", fmt.Errorf("%d channels in Zoho, want one to the door", len(all))
	}
	return "secrets, mapped properties, channel; again: nothing to do", nil
}

// unchanged deploys the same once more.
func unchanged(ctx context.Context, s *stage) (string, error) {
	was, err := s.settle(ctx)
	if err != nil {
		return "", err
	}
	out, err := s.sam(ctx)
	if err != nil {
		return "", err
	}
	if !strings.Contains(out, "No changes to deploy") {
		return "", fmt.Errorf("the same build and the same parameters are a change:\n%s", tail(out, 20))
	}
	return "no changes to deploy", s.lost(ctx, was)
}

// settle waits for quiet and counts the rows of the tables.
func (s *stage) settle(ctx context.Context) (map[string]int, error) {
	if err := s.quiet(ctx); err != nil {
		return nil, err
	}
	return s.cloud.count(ctx)
}

// lost says which tables have fewer rows than before. Rows of the token and of the budget come and go by themselves.
func (s *stage) lost(ctx context.Context, was map[string]int) error {
	is, err := s.cloud.count(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range []dynamo.Table{dynamo.Pairs, dynamo.Parked, dynamo.Config, dynamo.Tokens, dynamo.Quarantine, dynamo.Chats, dynamo.Conversions} {
		if is[string(t)] < was[string(t)] {
			errs = append(errs, fmt.Errorf("the table %s had %d rows and has %d", t, was[string(t)], is[string(t)]))
		}
	}
	return errors.Join(errs...)
}

// changed deploys other parameters over the running stack, among them WhatsApp and conversions: the functions are told, and
// nothing is lost.
func changed(ctx context.Context, s *stage) (string, error) {
	was, err := s.settle(ctx)
	if err != nil {
		return "", err
	}
	s.whole = true
	if _, err := s.sam(ctx, "ReportLanguage=en"); err != nil {
		return "", err
	}
	if err := s.lost(ctx, was); err != nil {
		return "", err
	}
	out, err := s.cloud.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(s.Stack + "-failureReporter")})
	if err != nil {
		return "", err
	}
	if out.Environment == nil || out.Environment.Variables["REPORT_LANGUAGE"] != "en" {
		return "", errors.New("failureReporter was not told the new language")
	}
	return fmt.Sprintf("%d rows of pairs kept, both ways carried", was[string(dynamo.Pairs)]), s.carries(ctx)
}

// reboot stops the emulator while an operation waits for a CRM that is down, and starts it again.
func reboot(ctx context.Context, s *stage) (string, error) {
	id, twin, err := s.met(ctx, "Oriana", "Quaranta")
	if err != nil {
		return "", err
	}
	was, err := s.cloud.count(ctx)
	if err != nil {
		return "", err
	}
	s.zoho.Fail(zohotest.Fault{Times: -1, Status: http.StatusInternalServerError})
	if err := s.hubspotEdit(id, props{"jobtitle": "Cartografa"}); err != nil {
		return "", err
	}
	// It is received at once; when it goes again it stays in flight until its wait is over.
	if err := until(ctx, time.Minute, func(ctx context.Context) error { return s.waits(ctx, id) }); err != nil {
		return "", err
	}
	s.emulator.Stop()
	if err := s.start(ctx); err != nil {
		return "", err
	}
	s.zoho.Clear()
	if err := s.lost(ctx, was); err != nil {
		return "", err
	}
	began := s.Now()
	err = until(ctx, 3*time.Minute, func(context.Context) error { return s.zohoShows(twin, props{"Title": "Cartografa"}) })
	return fmt.Sprintf("tables and queues kept; done %s after", seconds(s.Now().Sub(began))), err
}

// waits looks whether the operation on a record has been tried and goes again.
func (s *stage) waits(ctx context.Context, record string) error {
	_, inFlight, err := s.cloud.depth(ctx, lane)
	if err != nil {
		return err
	}
	all, err := s.cloud.entries(ctx, "zohoConsumer")
	if err != nil {
		return err
	}
	if again := (entry{"operation", "zohoConsumer", "again", "down", record}); inFlight == 0 || !slices.Contains(all, again) {
		return fmt.Errorf("the operation on %s does not wait: %d in flight", record, inFlight)
	}
	return nil
}

// doctor looks at the deployed stack.
func doctor(ctx context.Context, s *stage) (string, error) {
	a, err := s.does(ctx, nil, "doctor")
	if err != nil {
		return "", err
	}
	var found []struct{ Level string }
	if err := a.read("findings", &found); err != nil {
		return "", err
	}
	n := map[string]int{}
	for _, f := range found {
		n[f.Level]++
	}
	if n["skip"] > 0 {
		return "", fmt.Errorf("%d checks were skipped:\n%s", n["skip"], a.text)
	}
	return fmt.Sprintf("%d checks well, %d notes, no fault", n["ok"], n["note"]), nil
}

// remove deletes the stack: the functions are gone, the tables stay with all that is in them.
func remove(ctx context.Context, s *stage) (string, error) {
	was, err := s.settle(ctx)
	if err != nil {
		return "", err
	}
	if s.auth {
		if err := s.withdraw(ctx); err != nil {
			return "", err
		}
	}
	if _, err := s.command(ctx, "deploy", s.tool("sam", "bin", "sam"), "delete", "--config-env", "local", "--stack-name", s.Stack, "--no-prompts"); err != nil {
		return "", err
	}
	if _, status, err := s.cloud.outputs(ctx); err == nil && status != "DELETE_COMPLETE" {
		return "", fmt.Errorf("the stack is %s", status)
	}
	left, err := s.cloud.lambda.ListFunctions(ctx, &lambda.ListFunctionsInput{})
	if err != nil {
		return "", err
	}
	if n := len(left.Functions); n > 0 {
		return "", fmt.Errorf("%d functions are left", n)
	}
	if err := s.lost(ctx, was); err != nil {
		return "", err
	}
	rows := 0
	for t, n := range was {
		rows += n
		if _, err := s.cloud.db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String(s.Stack + "-" + t)}); err == nil {
			return "", fmt.Errorf("the table %s is not protected", t)
		}
	}
	return fmt.Sprintf("%d tables with %d rows, protected; functions and queues gone", len(was), rows), nil
}
