// Stands where the suite looks for a browser: there is none here, and only what needs one fails.
module.exports = {
  launch() {
    throw new Error('no browser');
  },
};
