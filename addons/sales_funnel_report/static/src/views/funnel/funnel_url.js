import { onWillStart, onWillUnmount, onWillUpdateProps, useComponent } from "@odoo/owl";
import { router } from "@web/core/browser/router";

import { readChoices } from "./funnel_choices";

/** How the choices are called in the address. */
const NAMES = {
    funnelId: "funnel",
    lens: "lens",
    rule: "rule",
    period: "period",
    dateFrom: "from",
    dateTo: "to",
    asOf: "as_of",
    windowDays: "window",
    compare: "compare",
    measure: "measure",
    isTableShown: "table",
    areDaysShown: "days",
    search: "search",
};

/** What the funnel has written that is or was on the screen: no wish for the next. */
let written = {};

/**
 * What a reloaded page or a copied link asks for.
 *
 * @returns {{choices: Object, isTableShown: boolean, areDaysShown: boolean,
 *  search?: Array} | null}
 */
export function readUrl() {
    const values = {};
    for (const [key, name] of Object.entries(NAMES)) {
        if (router.current[name] !== undefined) {
            values[key] = router.current[name];
        }
    }
    const text = JSON.stringify(values);
    if (text === "{}" || text === written.text || router.current === written.state) {
        return null;
    }
    return {
        choices: readChoices(values),
        isTableShown: Boolean(values.isTableShown),
        areDaysShown: Boolean(values.areDaysShown),
        search: readSearch(values.search),
    };
}

/**
 * @param {string | undefined} text see `FunnelSearchModel.exportFacets`
 * @returns {Object[] | undefined}
 */
export function readSearch(text) {
    try {
        const search = JSON.parse(text);
        return Array.isArray(search) ? search : undefined;
    } catch {
        return undefined;
    }
}

/**
 * Keep in the address what is shown, and in the breadcrumb what it takes to show it
 * again: of a breadcrumb that was there before the page was reloaded, the web client
 * hands over the `globalState` alone.
 *
 * @param {() => Object} getState the choices that are no defaults, `isTableShown`,
 *  `areDaysShown` and `search`
 * @param {() => Object} getGlobalState
 * @returns {() => void} to call when a choice has changed
 */
export function useUrl(getState, getGlobalState) {
    const component = useComponent();
    let globalState = {};
    const write = () => {
        const newGlobalState = getGlobalState();
        if (JSON.stringify(newGlobalState) !== JSON.stringify(globalState)) {
            globalState = newGlobalState;
        }
        const state = getState();
        const keys = Object.keys(NAMES);
        // what is not defined is not in the text
        const text = JSON.stringify(
            Object.fromEntries(keys.map((key) => [key, state[key]]))
        );
        written = { component, text };
        component.props.updateActionState?.({
            ...Object.fromEntries(keys.map((key) => [NAMES[key], state[key]])),
            globalState,
        });
    };
    onWillStart(write);
    onWillUpdateProps(write);
    onWillUnmount(() => {
        if (written.component === component) {
            written = { state: router.current };
        }
    });
    return write;
}
