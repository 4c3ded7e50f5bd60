// Before a suite of CommonJS tests: where it asks for a browser, it is given the one that is here, and where it logs in at
// Salesforce's own address, it finds the org.
const Module = require('module');
const http = require('http');
const https = require('https');

const find = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  return request === 'puppeteer' ? require.resolve('./browser.cjs') : find.call(this, request, ...rest);
};

const ask = https.request;
https.request = function (options, ...rest) {
  if (options && (options.hostname || options.host) === 'login.salesforce.com') {
    const { hostname, port } = new URL(process.env.SF_LOGIN_URL);
    return http.request({ ...options, protocol: 'http:', host: hostname, hostname, port, agent: undefined, agents: undefined }, ...rest);
  }
  return ask.call(this, options, ...rest);
};
