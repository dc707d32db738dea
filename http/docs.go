package http

import (
	"net/http"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

// emptyFields leaves empty what need not be filled in, in try-it-out: Swagger UI would fill
// in the examples, an If-Match among them, and make up every filter there is, unless a
// parameter has a choice of examples. The box of the filters then sends what is typed into
// it, but does not show it: the request below it does.
const emptyFields = `[SwaggerUIBundle.plugins.DownloadUrl, () => ({statePlugins: {spec: {wrapSelectors: {
	parameterWithMetaByIdentity: (original) => (...args) => {
		const parameter = original(...args);
		if (!parameter || parameter.get("required")) {
			return parameter;
		}
		const object = parameter.getIn(["schema", "type"]) === "object";
		return (object ? parameter.set("examples", parameter.clear()) : parameter).delete("example");
	},
}}}})]`

// nestedFilters writes the filters of a list, which Swagger UI sends as JSON, as
// filter[field][op]=value.
const nestedFilters = `(request) => {
	const url = new URL(request.url, location.href);
	for (const [name, value] of [...url.searchParams]) {
		if (name.startsWith("filter[") && value.startsWith("{")) {
			url.searchParams.delete(name);
			for (const [op, operand] of Object.entries(JSON.parse(value))) {
				url.searchParams.append(name + "[" + op + "]", operand);
			}
		}
	}
	request.url = url.href;
	return request;
}`

// docs is Swagger UI, from this program and not from the network.
func docs() http.Handler {
	ui := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "CRM", SwaggerJSON: "/openapi.json", BasePath: "/docs/",
		SettingsUI: map[string]string{
			"persistAuthorization": "false", "tryItOutEnabled": "true",
			"plugins": emptyFields, "requestInterceptor": nestedFilters,
		},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Swagger UI starts itself with an inline script and styles itself inline.
		w.Header().Set("Content-Security-Policy",
			"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		ui.ServeHTTP(w, r)
	})
}
